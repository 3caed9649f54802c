// A PersonFile is a file that belongs to a person and that other programs write as well: a client's settings. It is read
// once and replaced as a whole or not at all.
//
// Belongs to one thread. Other programs may write the file at any time.
//
// Invariants:
//   (1) A link stays a link: the file it leads to is replaced. Mode and owner stay.
//   (2) Before the first change the original is kept beside it, as NAME.before-resonant, and is never overwritten.
//   (3) replace() takes effect only where the file still holds what read() saw; what somebody else wrote meanwhile stays.
//   (4) Whatever fails (no space, no permission): the file holds its old bytes or its new ones, all of them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "resonant/base/result.h"

namespace resonant::clients {

class PersonFile {
  public:
    // A missing file is an empty one that is not there(). PermissionDenied, InvalidArgument for what is not a regular
    // file, ResourceExhausted above json::kSourceMax.
    static Result<PersonFile> read(const std::filesystem::path& path);

    bool there() const { return there_; }
    const std::string& text() const { return text_; }
    const std::filesystem::path& path() const { return path_; }
    // Where the links lead.
    const std::filesystem::path& target() const { return target_; }
    // Where the original is kept.
    std::filesystem::path original() const { return target_.string() + ".before-resonant"; }
    // How many names the file has; the others keep the old content.
    std::size_t names() const { return names_; }

    // Puts `text` in its place. Conflict when the file is another by now; afterwards text() is the new one. Without
    // `keep` no copy of the original is made where none is.
    Status replace(const std::string& text, bool keep = true);
    // The original takes its place again, with its mode and owner. What stands there now is kept as NAME.before-undo when
    // `keep_current`. NotFound when no original is kept, Conflict as above.
    Status restore(bool keep_current);
    // Takes the file away, as it was not there before. Conflict as above.
    Status remove();

  private:
    Status keep_original() const;
    Status copy_to(const std::filesystem::path& copy) const;
    Status write_beside(const std::filesystem::path& temporary, const std::string& text) const;
    Status exchange(const std::filesystem::path& temporary) const;

    std::filesystem::path path_, target_;
    bool there_ = false;
    std::string text_;
    mode_t mode_ = 0600;
    uid_t owner_ = 0;
    gid_t group_ = 0;
    std::size_t names_ = 1;
};

}  // namespace resonant::clients
