// Json is one JSON value that owns what it holds: null, a boolean, a number, a text, a list or an object. It is the
// currency between tools, protocol and store, so this header is small and includes no library: what it does stands in
// value.cc, once.
//
// Its interface is the part of nlohmann::json that the project uses, name by name, so that the way of that library's users
// is theirs here. What differs: dump() never fails (bytes that are not UTF-8 become U+FFFD), an object is a sorted list
// and not a tree, and a text of up to 15 bytes needs no allocation.
//
// A plain value: one thread at a time, or any number that only read.
//
// Invariants:
//   (1) The members of an object are sorted by name, byte by byte, and no name stands twice.
//   (2) Adding a member to an object, or an element to a list, invalidates references to its other members and iterators;
//       reading never does. (nlohmann's objects keep references.)
//   (3) A value that was moved from is null.
//   (4) What asks a value for what it does not hold throws Json::exception; find(), contains(), value() and the is_...()
//       questions are for values that others sent.
//
// Costs: find() O(log members); operator[] with a new name O(members), O(1) when it comes last; copying is deep.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace resonant::json {

class Json;
struct JsonMember;
template <bool IsConst>
class JsonIterator;
template <bool IsConst>
class JsonItem;
template <bool IsConst>
class JsonItems;
class JsonElement;

template <typename T>
concept JsonNumber = std::is_arithmetic_v<T> && !std::same_as<T, bool>;
template <typename T>
concept JsonText = !std::same_as<T, Json> && !std::same_as<T, std::nullptr_t> && std::convertible_to<const T&, std::string_view>;
// Lists and maps of what can be a Json: std::vector<std::string>, std::map<std::string, int>.
template <typename T>
concept JsonRange = !std::same_as<T, Json> && !JsonText<T> && requires(const T& range) {
    typename T::value_type;
    requires !std::same_as<typename T::value_type, T>;  // what is its own element is no list, but a value like this one
    range.begin();
    range.end();
    range.size();
};
template <typename T>
concept JsonMap = JsonRange<T> && requires { typename T::mapped_type; };
// What a Json can be turned into without being asked by name: `const std::string name = json["name"];`
template <typename T>
concept JsonReadable = (std::is_arithmetic_v<T> && !std::same_as<T, char>) || std::same_as<T, std::string> ||
                       (JsonRange<T> && !std::same_as<T, std::initializer_list<typename T::value_type>>);

class JsonException : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

class Json {
  public:
    enum class value_t : std::uint8_t {
        null,
        boolean,
        number_integer,
        number_unsigned,
        number_float,
        object,
        array,
        string,
        discarded  // what parse() without exceptions gives for a text that is not JSON
    };
    using exception = JsonException;
    using array_t = std::vector<Json>;
    using object_t = std::vector<JsonMember>;  // sorted by name
    using value_type = Json;
    using reference = Json&;
    using const_reference = const Json&;
    using difference_type = std::ptrdiff_t;
    using size_type = std::size_t;
    using iterator = JsonIterator<false>;
    using const_iterator = JsonIterator<true>;
    using List = std::initializer_list<JsonElement>;

    Json() noexcept : integer_(0) {}
    Json(std::nullptr_t) noexcept : integer_(0) {}
    Json(value_t type);
    template <std::same_as<bool> T>  // and no pointer
    Json(T value) noexcept : type_(value_t::boolean), boolean_(value) {}
    template <JsonNumber T>
    Json(T value) noexcept : integer_(0) {
        if constexpr (std::is_floating_point_v<T>) {
            type_ = value_t::number_float;
            double_ = static_cast<double>(value);
        } else if constexpr (std::is_signed_v<T>) {
            type_ = value_t::number_integer;
            integer_ = value;
        } else {
            type_ = value_t::number_unsigned;
            unsigned_ = value;
        }
    }
    template <typename T>
        requires std::is_enum_v<T>
    Json(T value) noexcept : Json(static_cast<std::underlying_type_t<T>>(value)) {}
    Json(std::string value) noexcept : type_(value_t::string), string_(std::move(value)) {}
    template <typename T>
        requires JsonText<std::remove_cvref_t<T>> && (!std::same_as<std::remove_cvref_t<T>, std::string>)
    Json(const T& value) : type_(value_t::string), string_(std::string_view(value)) {}
    template <typename T>
        requires JsonRange<T>
    Json(const T& range) : integer_(0) {
        if constexpr (JsonMap<T>) {
            become(value_t::object);
            for (const auto& [key, value] : range) {
                (*this)[std::string_view(key)] = Json(value);
            }
        } else {
            become(value_t::array);
            array_.reserve(range.size());
            for (const auto& value : range) {
                array_.emplace_back(value);
            }
        }
    }
    template <typename A, typename B>
    Json(const std::pair<A, B>& two) : integer_(0) {
        become(value_t::array);
        array_.emplace_back(two.first);
        array_.emplace_back(two.second);
    }
    // An object when each element is a list of two that begins with a text; else a list.
    Json(List elements);
    Json(const Json& other);
    Json(Json&& other) noexcept;
    Json& operator=(Json other) noexcept;
    ~Json() {
        if (type_ >= value_t::object) {
            destroy();
        }
    }

    static Json array(List elements = {});
    static Json object(List elements = {});
    // Throws exception, or gives a discarded value when asked not to. Numbers beyond 64 bits become doubles.
    // json::parse() is for what others sent: it has limits.
    static Json parse(std::string_view text);
    static Json parse(std::string_view text, std::nullptr_t, bool may_throw);
    static bool accept(std::string_view text) { return !parse(text, nullptr, false).is_discarded(); }

    value_t type() const { return type_; }
    const char* type_name() const;  // "null", "boolean", "number", "string", "array", "object"
    bool is_null() const { return type_ == value_t::null; }
    bool is_boolean() const { return type_ == value_t::boolean; }
    bool is_number() const { return type_ >= value_t::number_integer && type_ <= value_t::number_float; }
    bool is_number_integer() const { return type_ == value_t::number_integer || type_ == value_t::number_unsigned; }
    bool is_number_unsigned() const { return type_ == value_t::number_unsigned; }
    bool is_number_float() const { return type_ == value_t::number_float; }
    bool is_string() const { return type_ == value_t::string; }
    bool is_array() const { return type_ == value_t::array; }
    bool is_object() const { return type_ == value_t::object; }
    bool is_structured() const { return is_array() || is_object(); }
    bool is_primitive() const { return !is_structured(); }
    bool is_discarded() const { return type_ == value_t::discarded; }

    template <typename T>
    T get() const;
    template <JsonReadable T>
    operator T() const {
        return get<T>();
    }
    // The text or list itself: get_ref<const std::string&>(). Throws when it is another kind of value.
    template <typename T>
    T get_ref() {
        return static_cast<T>(inner(static_cast<std::remove_cvref_t<T>*>(nullptr)));
    }
    template <typename T>
    T get_ref() const {
        return static_cast<T>(const_cast<Json*>(this)->inner(static_cast<std::remove_cvref_t<T>*>(nullptr)));
    }
    // The text itself, or nullptr.
    template <typename T>
        requires std::same_as<T, const std::string*>
    T get_ptr() const {
        return is_string() ? &string_ : nullptr;
    }

    // 0 for null, 1 for what is neither list nor object.
    std::size_t size() const;
    bool empty() const { return size() == 0; }

    // Makes an object or a list of a null, and room in it. Of a value that is neither: throws.
    Json& operator[](std::string_view name);
    Json& operator[](std::size_t index);
    // null where there is none.
    const Json& operator[](std::string_view name) const;
    const Json& operator[](std::size_t index) const;
    // A literal would else also be an offset into itself.
    template <typename T>
        requires std::same_as<std::remove_const_t<T>, char>
    Json& operator[](T* name) {
        return (*this)[std::string_view(name)];
    }
    template <typename T>
        requires std::same_as<std::remove_const_t<T>, char>
    const Json& operator[](T* name) const {
        return (*this)[std::string_view(name)];
    }
    Json& at(std::string_view name);
    Json& at(std::size_t index);
    const Json& at(std::string_view name) const { return const_cast<Json*>(this)->at(name); }
    const Json& at(std::size_t index) const { return const_cast<Json*>(this)->at(index); }
    Json& front();
    Json& back();
    const Json& front() const { return const_cast<Json*>(this)->front(); }
    const Json& back() const { return const_cast<Json*>(this)->back(); }

    iterator find(std::string_view name);
    const_iterator find(std::string_view name) const;
    bool contains(std::string_view name) const { return member(name) != nullptr; }
    std::size_t count(std::string_view name) const { return contains(name) ? 1 : 0; }
    // The member as T, or `otherwise` where there is none. Throws when this is no object or the member is no T.
    template <typename T>
    auto value(std::string_view name, T&& otherwise) const;

    iterator begin();
    iterator end();
    const_iterator begin() const;
    const_iterator end() const;
    const_iterator cbegin() const;
    const_iterator cend() const;
    std::reverse_iterator<iterator> rbegin();
    std::reverse_iterator<iterator> rend();
    std::reverse_iterator<const_iterator> rbegin() const;
    std::reverse_iterator<const_iterator> rend() const;
    // for (const auto& [name, value] : json.items()); a list's names are its positions. Refers to this value.
    JsonItems<false> items();
    JsonItems<true> items() const;

    // To a list, or a null that becomes one.
    void push_back(Json element);
    void push_back(List elements);
    void operator+=(Json element) { push_back(std::move(element)); }
    template <typename... Args>
    Json& emplace_back(Args&&... args) {
        push_back(Json(std::forward<Args>(args)...));
        return back();
    }
    // Adds the member unless the name is there; true when it was added.
    template <typename T>
    std::pair<iterator, bool> emplace(std::string_view name, T&& value);
    iterator insert(const_iterator before, Json element);
    iterator insert(const_iterator before, const_iterator first, const_iterator last);
    // Adds or replaces members, all of `other`.
    void update(const Json& other);
    std::size_t erase(std::string_view name);
    void erase(std::size_t index);
    iterator erase(const_iterator at);
    iterator erase(const_iterator first, const_iterator last);
    void clear();  // keeps its kind
    void swap(Json& other) noexcept { std::swap(*this, other); }
    // Room for so many elements or members; of a list or object.
    void reserve(std::size_t count);
    // An object of members in any order; of two with one name the later counts. O(n log n).
    static Json from_members(std::vector<JsonMember> members);

    // Compact, or indented by so many blanks a level.
    std::string dump(int indent = -1) const;

    // Numbers are compared by value, whatever they are held in.
    friend bool operator==(const Json& a, const Json& b) { return a.equals(b); }
    friend std::partial_ordering operator<=>(const Json& a, const Json& b) { return a.compare(b); }
    template <typename T>
        requires std::is_arithmetic_v<T>
    friend bool operator==(const Json& a, T b) {
        return a.equals(Json(b));
    }
    template <typename T>
        requires std::is_arithmetic_v<T>
    friend std::partial_ordering operator<=>(const Json& a, T b) {
        return a.compare(Json(b));
    }
    friend std::ostream& operator<<(std::ostream& out, const Json& value);

  private:
    template <bool IsConst>
    friend class JsonIterator;
    template <bool IsConst>
    friend class JsonItem;

    void become(value_t type);  // of a null
    void destroy() noexcept;
    void take(Json& other) noexcept;  // of a null
    bool equals(const Json& other) const;
    std::partial_ordering compare(const Json& other) const;
    const Json* member(std::string_view name) const;
    std::string& inner(std::string*);
    array_t& inner(array_t*);
    Json& element(std::size_t position);
    const std::string& name_at(std::size_t position) const;  // of an object
    bool boolean() const;
    const std::string& text() const;
    double number() const;
    std::int64_t integer() const;
    [[noreturn]] void mismatch(const char* wanted) const;

    value_t type_ = value_t::null;
    union {
        bool boolean_;
        std::int64_t integer_;
        std::uint64_t unsigned_;
        double double_;
        object_t object_;
        array_t array_;
        std::string string_;
    };
};

struct JsonMember {
    std::string first;  // as in a pair of a map: its name
    Json second;
};

// An element of Json{...}: a value that may be taken out again, since the list itself is const.
class JsonElement {
  public:
    JsonElement(Json&& value) : value_(std::move(value)) {}
    JsonElement(const Json& value) : value_(value) {}
    JsonElement(Json::List elements) : value_(elements) {}
    template <typename... Args>
        requires std::constructible_from<Json, Args...>
    JsonElement(Args&&... args) : value_(std::forward<Args>(args)...) {}

    const Json& value() const { return value_; }
    Json take() const { return std::move(value_); }

  private:
    mutable Json value_;
};

template <typename T>
T Json::get() const {
    if constexpr (std::same_as<T, Json>) {
        return *this;
    } else if constexpr (std::same_as<T, bool>) {
        return boolean();
    } else if constexpr (std::is_enum_v<T>) {
        return static_cast<T>(get<std::underlying_type_t<T>>());
    } else if constexpr (std::is_floating_point_v<T>) {
        return static_cast<T>(number());
    } else if constexpr (std::is_integral_v<T>) {
        return is_number_float() ? static_cast<T>(number()) : static_cast<T>(integer());
    } else if constexpr (JsonText<T>) {
        return T(text());
    } else if constexpr (JsonMap<T>) {
        if (!is_object()) {
            mismatch("object");
        }
        T found;
        for (const JsonMember& each : object_) {
            found.emplace(each.first, each.second.get<typename T::mapped_type>());
        }
        return found;
    } else {
        if (!is_array()) {
            mismatch("array");
        }
        T found;
        for (const Json& each : array_) {
            found.insert(found.end(), each.get<typename T::value_type>());
        }
        return found;
    }
}

template <typename T>
auto Json::value(std::string_view name, T&& otherwise) const {
    using Wanted = std::conditional_t<JsonText<std::remove_cvref_t<T>> && !std::same_as<std::remove_cvref_t<T>, Json>, std::string,
                                      std::remove_cvref_t<T>>;
    if (!is_object()) {
        mismatch("object");
    }
    const Json* found = member(name);
    return found != nullptr ? found->get<Wanted>() : Wanted(std::forward<T>(otherwise));
}

}  // namespace resonant::json

#include "resonant/json/value_iterator.h"  // its other half: nothing works without
