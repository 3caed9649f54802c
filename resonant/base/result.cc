#include "resonant/base/result.h"

#include <cerrno>
#include <system_error>

namespace resonant {

std::string_view name_of(Code code) {
    switch (code) {
        case Code::InvalidArgument: return "invalid_argument";
        case Code::NotFound: return "not_found";
        case Code::AlreadyExists: return "already_exists";
        case Code::Conflict: return "conflict";
        case Code::PermissionDenied: return "permission_denied";
        case Code::Unavailable: return "unavailable";
        case Code::ResourceExhausted: return "resource_exhausted";
        case Code::DataLoss: return "data_loss";
        case Code::Timeout: return "timeout";
        case Code::Unimplemented: return "unimplemented";
        case Code::InputRequired: return "input_required";
        case Code::Internal: return "internal";
    }
    return "internal";
}

std::unexpected<Error> fail_errno(std::string_view what, int error_number) {
    Code code = Code::Internal;
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
        case EMFILE:
        case ENFILE:
        case EAGAIN:
        case ENOMEM: code = Code::ResourceExhausted; break;
        case ENOENT: code = Code::NotFound; break;
        case EEXIST: code = Code::AlreadyExists; break;
        case EACCES:
        case EPERM:
        case EROFS: code = Code::PermissionDenied; break;
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE: code = Code::Unavailable; break;
        case ETIMEDOUT: code = Code::Timeout; break;
        case EINVAL:
        case EISDIR:
        case ELOOP:
        case ENOTDIR:
        case ENAMETOOLONG: code = Code::InvalidArgument; break;
        default: break;
    }
    return fail(code, std::string(what) + ": " + std::generic_category().message(error_number));
}

}  // namespace resonant
