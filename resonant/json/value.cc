#include "resonant/json/value.h"

#include <algorithm>
#include <memory>

namespace resonant::json {
namespace {

constexpr Json::value_t kNull = Json::value_t::null;
const Json kNone;

// Messages have few members, mostly in order: moving the others past each other is less than what a merge sort allocates.
void sort_stably(std::vector<JsonMember>& members) {
    constexpr std::size_t kFew = 24;
    const auto in_order = [](const JsonMember& a, const JsonMember& b) { return a.first < b.first; };
    if (members.size() > kFew) {
        if (!std::is_sorted(members.begin(), members.end(), in_order)) {
            std::stable_sort(members.begin(), members.end(), in_order);
        }
        return;
    }
    for (std::size_t i = 1; i < members.size(); ++i) {
        if (in_order(members[i], members[i - 1])) {
            const auto at = members.begin() + static_cast<std::ptrdiff_t>(i);
            std::rotate(std::upper_bound(members.begin(), at, *at, in_order), at, at + 1);
        }
    }
}

bool comes_before(const JsonMember& member, std::string_view name) { return member.first < name; }

// Numbers in the order of nlohmann::json: null, booleans, numbers, objects, lists, texts.
int rank_of(const Json& value) {
    switch (value.type()) {
        case Json::value_t::null: return 0;
        case Json::value_t::boolean: return 1;
        case Json::value_t::object: return 3;
        case Json::value_t::array: return 4;
        case Json::value_t::string: return 5;
        case Json::value_t::discarded: return 6;
        default: return 2;
    }
}

template <typename A, typename B>
std::partial_ordering compare_numbers(A a, B b) {
    if constexpr (std::is_integral_v<A> && std::is_integral_v<B>) {
        return std::cmp_less(a, b) ? std::partial_ordering::less
               : std::cmp_equal(a, b) ? std::partial_ordering::equivalent
                                      : std::partial_ordering::greater;
    } else {
        return static_cast<long double>(a) <=> static_cast<long double>(b);  // holds every 64-bit integer and every double
    }
}

template <typename Act>
auto with_number(const Json& value, Act&& act) {
    switch (value.type()) {
        case Json::value_t::number_integer: return act(value.get<std::int64_t>());
        case Json::value_t::number_unsigned: return act(value.get<std::uint64_t>());
        default: return act(value.get<double>());
    }
}

}  // namespace

Json::Json(value_t type) : integer_(0) { become(type); }

Json::Json(List elements) : integer_(0) {
    const bool named = std::all_of(elements.begin(), elements.end(), [](const JsonElement& each) {
        const Json& pair = each.value();
        return pair.is_array() && pair.size() == 2 && pair.array_[0].is_string();
    });
    *this = named ? object(elements) : array(elements);
}

Json::Json(const Json& other) : integer_(0) {
    type_ = other.type_;
    switch (type_) {
        case value_t::object: std::construct_at(&object_, other.object_); break;
        case value_t::array: std::construct_at(&array_, other.array_); break;
        case value_t::string: std::construct_at(&string_, other.string_); break;
        default: unsigned_ = other.unsigned_;
    }
}

Json::Json(Json&& other) noexcept : integer_(0) { take(other); }

Json& Json::operator=(Json other) noexcept {
    this->~Json();
    type_ = kNull;
    take(other);
    return *this;
}

void Json::take(Json& other) noexcept {
    type_ = other.type_;
    switch (type_) {
        case value_t::object: std::construct_at(&object_, std::move(other.object_)); break;
        case value_t::array: std::construct_at(&array_, std::move(other.array_)); break;
        case value_t::string: std::construct_at(&string_, std::move(other.string_)); break;
        default: unsigned_ = other.unsigned_;
    }
    other.~Json();
    other.type_ = kNull;
}

void Json::destroy() noexcept {
    switch (type_) {
        case value_t::object: std::destroy_at(&object_); break;
        case value_t::array: std::destroy_at(&array_); break;
        case value_t::string: std::destroy_at(&string_); break;
        default: break;
    }
}

void Json::become(value_t type) {
    type_ = type;
    switch (type) {
        case value_t::object: std::construct_at(&object_); break;
        case value_t::array: std::construct_at(&array_); break;
        case value_t::string: std::construct_at(&string_); break;
        default: unsigned_ = 0;
    }
}

Json Json::array(List elements) {
    Json list(value_t::array);
    list.array_.reserve(elements.size());
    for (const JsonElement& each : elements) {
        list.array_.push_back(each.take());
    }
    return list;
}

Json Json::object(List elements) {
    std::vector<JsonMember> members;
    members.reserve(elements.size());
    for (const JsonElement& each : elements) {
        Json pair = each.take();
        if (!pair.is_array() || pair.size() != 2 || !pair.array_[0].is_string()) {
            throw exception("cannot create an object: an element is not a name and a value");
        }
        members.push_back({std::move(pair.array_[0].string_), std::move(pair.array_[1])});
    }
    return from_members(std::move(members));
}

Json Json::from_members(std::vector<JsonMember> members) {
    sort_stably(members);
    // Of equal names the last counts: it takes the first one's place.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const bool again = kept > 0 && members[kept - 1].first == members[i].first;
        kept += again ? 0 : 1;
        if (kept - 1 != i) {
            members[kept - 1] = std::move(members[i]);
        }
    }
    members.erase(members.begin() + static_cast<std::ptrdiff_t>(kept), members.end());
    Json made(value_t::object);
    made.object_ = std::move(members);
    return made;
}

const char* Json::type_name() const {
    switch (type_) {
        case value_t::null: return "null";
        case value_t::boolean: return "boolean";
        case value_t::object: return "object";
        case value_t::array: return "array";
        case value_t::string: return "string";
        case value_t::discarded: return "discarded";
        default: return "number";
    }
}

void Json::mismatch(const char* wanted) const {
    throw exception(std::string("type must be ") + wanted + ", but is " + type_name());
}

bool Json::boolean() const {
    if (!is_boolean()) {
        mismatch("boolean");
    }
    return boolean_;
}

const std::string& Json::text() const {
    if (!is_string()) {
        mismatch("string");
    }
    return string_;
}

double Json::number() const {
    switch (type_) {
        case value_t::number_integer: return static_cast<double>(integer_);
        case value_t::number_unsigned: return static_cast<double>(unsigned_);
        case value_t::number_float: return double_;
        default: mismatch("number");
    }
}

std::int64_t Json::integer() const {
    switch (type_) {
        case value_t::number_integer: return integer_;
        case value_t::number_unsigned: return static_cast<std::int64_t>(unsigned_);
        default: mismatch("number");
    }
}

std::string& Json::inner(std::string*) {
    if (!is_string()) {
        mismatch("string");
    }
    return string_;
}

Json::array_t& Json::inner(array_t*) {
    if (!is_array()) {
        mismatch("array");
    }
    return array_;
}

std::size_t Json::size() const {
    switch (type_) {
        case value_t::null: return 0;
        case value_t::object: return object_.size();
        case value_t::array: return array_.size();
        default: return 1;
    }
}

Json& Json::element(std::size_t position) {
    return is_object() ? object_[position].second : is_array() ? array_[position] : *this;
}

const std::string& Json::name_at(std::size_t position) const {
    if (!is_object()) {
        mismatch("object");
    }
    return object_[position].first;
}

const Json* Json::member(std::string_view name) const {
    if (!is_object()) {
        return nullptr;
    }
    const auto at = std::lower_bound(object_.begin(), object_.end(), name, comes_before);
    return at != object_.end() && at->first == name ? &at->second : nullptr;
}

Json& Json::operator[](std::string_view name) {
    if (is_null()) {
        become(value_t::object);
    }
    if (!is_object()) {
        mismatch("object");
    }
    // Names that come in order, as those of a copy do, cost no search.
    const bool last = object_.empty() || object_.back().first < name;
    const auto at = last ? object_.end() : std::lower_bound(object_.begin(), object_.end(), name, comes_before);
    if (at != object_.end() && at->first == name) {
        return at->second;
    }
    return object_.insert(at, JsonMember{std::string(name), Json()})->second;
}

Json& Json::operator[](std::size_t index) {
    if (is_null()) {
        become(value_t::array);
    }
    if (!is_array()) {
        mismatch("array");
    }
    if (index >= array_.size()) {
        array_.resize(index + 1);
    }
    return array_[index];
}

const Json& Json::operator[](std::string_view name) const {
    const Json* found = member(name);
    return found != nullptr ? *found : kNone;
}

const Json& Json::operator[](std::size_t index) const { return is_array() && index < array_.size() ? array_[index] : kNone; }

Json& Json::at(std::string_view name) {
    if (!is_object()) {
        mismatch("object");
    }
    const Json* found = member(name);
    if (found == nullptr) {
        throw exception("there is no member '" + std::string(name) + "'");
    }
    return *const_cast<Json*>(found);
}

Json& Json::at(std::size_t index) {
    if (!is_array()) {
        mismatch("array");
    }
    if (index >= array_.size()) {
        throw exception("element " + std::to_string(index) + " of a list of " + std::to_string(array_.size()));
    }
    return array_[index];
}

Json& Json::front() {
    if (empty()) {
        throw exception(std::string("the first element of an empty ") + type_name());
    }
    return element(0);
}

Json& Json::back() {
    if (empty()) {
        throw exception(std::string("the last element of an empty ") + type_name());
    }
    return element(size() - 1);
}

Json::iterator Json::find(std::string_view name) {
    const auto found = std::as_const(*this).find(name);
    return {this, found.position_};
}

Json::const_iterator Json::find(std::string_view name) const {
    if (!is_object()) {
        return end();
    }
    const auto at = std::lower_bound(object_.begin(), object_.end(), name, comes_before);
    return at != object_.end() && at->first == name ? const_iterator(this, static_cast<std::size_t>(at - object_.begin())) : end();
}

void Json::push_back(Json element) {
    if (is_null()) {
        become(value_t::array);
    }
    if (!is_array()) {
        mismatch("array");
    }
    array_.push_back(std::move(element));
}

void Json::push_back(List elements) {
    if (is_object() && elements.size() == 2 && elements.begin()->value().is_string()) {
        (*this)[elements.begin()->value().string_] = (elements.begin() + 1)->take();
    } else {
        push_back(Json(elements));
    }
}

Json::iterator Json::insert(const_iterator before, Json element) {
    inner(static_cast<array_t*>(nullptr)).insert(array_.begin() + static_cast<std::ptrdiff_t>(before.position_), std::move(element));
    return {this, before.position_};
}

Json::iterator Json::insert(const_iterator before, const_iterator first, const_iterator last) {
    const array_t added(first, last);  // which may be our own
    inner(static_cast<array_t*>(nullptr)).insert(array_.begin() + static_cast<std::ptrdiff_t>(before.position_), added.begin(), added.end());
    return {this, before.position_};
}

void Json::update(const Json& other) {
    if (!other.is_object()) {
        other.mismatch("object");
    }
    for (const JsonMember& each : other.object_) {
        (*this)[each.first] = each.second;
    }
}

std::size_t Json::erase(std::string_view name) {
    if (!is_object()) {
        mismatch("object");
    }
    const auto at = std::lower_bound(object_.begin(), object_.end(), name, comes_before);
    if (at == object_.end() || at->first != name) {
        return 0;
    }
    object_.erase(at);
    return 1;
}

void Json::erase(std::size_t index) {
    at(index);
    array_.erase(array_.begin() + static_cast<std::ptrdiff_t>(index));
}

Json::iterator Json::erase(const_iterator at) { return erase(at, at + 1); }

Json::iterator Json::erase(const_iterator first, const_iterator last) {
    const auto from = static_cast<std::ptrdiff_t>(first.position_), to = static_cast<std::ptrdiff_t>(last.position_);
    if (is_object()) {
        object_.erase(object_.begin() + from, object_.begin() + to);
    } else if (is_array()) {
        array_.erase(array_.begin() + from, array_.begin() + to);
    } else {
        mismatch("object or array");
    }
    return {this, first.position_};
}

void Json::clear() {
    const value_t kept = type_;
    *this = Json(kept);
}

void Json::reserve(std::size_t count) {
    if (is_object()) {
        object_.reserve(count);
    } else {
        inner(static_cast<array_t*>(nullptr)).reserve(count);
    }
}

bool Json::equals(const Json& other) const {
    if (is_number() && other.is_number()) {
        return compare(other) == std::partial_ordering::equivalent;
    }
    if (type_ != other.type_) {
        return false;
    }
    switch (type_) {
        case value_t::boolean: return boolean_ == other.boolean_;
        case value_t::string: return string_ == other.string_;
        case value_t::array: return array_ == other.array_;
        case value_t::object:
            return std::equal(object_.begin(), object_.end(), other.object_.begin(), other.object_.end(),
                              [](const JsonMember& a, const JsonMember& b) { return a.first == b.first && a.second == b.second; });
        default: return type_ == value_t::null;
    }
}

std::partial_ordering Json::compare(const Json& other) const {
    if (const auto order = rank_of(*this) <=> rank_of(other); order != 0) {
        return order;
    }
    if (is_number()) {
        return with_number(*this, [&](auto a) { return with_number(other, [a](auto b) { return compare_numbers(a, b); }); });
    }
    switch (type_) {
        case value_t::boolean: return boolean_ <=> other.boolean_;
        case value_t::string: return string_ <=> other.string_;
        case value_t::array:
            return std::lexicographical_compare_three_way(array_.begin(), array_.end(), other.array_.begin(), other.array_.end());
        case value_t::object:
            return std::lexicographical_compare_three_way(
                object_.begin(), object_.end(), other.object_.begin(), other.object_.end(),
                [](const JsonMember& a, const JsonMember& b) -> std::partial_ordering {
                    const auto names = a.first <=> b.first;
                    return names != 0 ? std::partial_ordering(names) : a.second <=> b.second;
                });
        default: return std::partial_ordering::equivalent;
    }
}

}  // namespace resonant::json
