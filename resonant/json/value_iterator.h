// The ways through a Json: its iterators, which also know the names of an object's members, and items(), which gives both.
// The second half of value.h, which includes it.
//
// An iterator is a position, so it costs a look at the kind of value at each step. Any thread, beside other readers.
//
// Invariants:
//   (1) An iterator is good until a member or an element is added to or taken from its value.
#pragma once

#include <compare>
#include <cstddef>
#include <iterator>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "resonant/json/value.h"

namespace resonant::json {

template <bool IsConst>
class JsonIterator {
    using Owner = std::conditional_t<IsConst, const Json, Json>;

  public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Json;
    using difference_type = std::ptrdiff_t;
    using pointer = Owner*;
    using reference = Owner&;

    JsonIterator() = default;
    JsonIterator(Owner* owner, std::size_t position) : owner_(owner), position_(position) {}
    template <bool Other>
        requires(IsConst && !Other)
    JsonIterator(const JsonIterator<Other>& other) : owner_(other.owner_), position_(other.position_) {}

    reference operator*() const { return const_cast<Json*>(owner_)->element(position_); }
    pointer operator->() const { return &**this; }
    reference operator[](difference_type by) const { return *(*this + by); }
    const std::string& key() const { return owner_->name_at(position_); }
    reference value() const { return **this; }

    JsonIterator& operator++() { return *this += 1; }
    JsonIterator& operator--() { return *this += -1; }
    JsonIterator operator++(int) { return std::exchange(*this, *this + 1); }
    JsonIterator operator--(int) { return std::exchange(*this, *this - 1); }
    JsonIterator& operator+=(difference_type by) {
        position_ = static_cast<std::size_t>(static_cast<difference_type>(position_) + by);
        return *this;
    }
    JsonIterator& operator-=(difference_type by) { return *this += -by; }
    friend JsonIterator operator+(JsonIterator at, difference_type by) { return at += by; }
    friend JsonIterator operator+(difference_type by, JsonIterator at) { return at += by; }
    friend JsonIterator operator-(JsonIterator at, difference_type by) { return at -= by; }
    friend difference_type operator-(const JsonIterator& a, const JsonIterator& b) {
        return static_cast<difference_type>(a.position_) - static_cast<difference_type>(b.position_);
    }
    template <bool Other>
    bool operator==(const JsonIterator<Other>& other) const {
        return owner_ == other.owner_ && position_ == other.position_;
    }
    auto operator<=>(const JsonIterator& other) const { return position_ <=> other.position_; }

  private:
    template <bool Other>
    friend class JsonIterator;
    friend class Json;

    Owner* owner_ = nullptr;
    std::size_t position_ = 0;
};

// A name and its value, on the way through a Json.
template <bool IsConst>
class JsonItem {
    using Owner = std::conditional_t<IsConst, const Json, Json>;

  public:
    JsonItem(Owner* owner, std::size_t position) : owner_(owner), position_(position) { look(); }
    const std::string& key() const { return owner_->is_object() ? owner_->name_at(position_) : index_; }
    Owner& value() const { return const_cast<Json*>(owner_)->element(position_); }

    JsonItem& operator*() { return *this; }
    JsonItem& operator++() {
        ++position_;
        look();
        return *this;
    }
    bool operator==(const JsonItem& other) const { return position_ == other.position_; }

    template <std::size_t I>
    decltype(auto) get() const {
        if constexpr (I == 0) {
            return key();
        } else {
            return value();
        }
    }

  private:
    void look() {
        if (!owner_->is_object()) {
            index_ = std::to_string(position_);
        }
    }
    Owner* owner_;
    std::size_t position_;
    std::string index_;  // a list's
};

template <bool IsConst>
class JsonItems {
    using Owner = std::conditional_t<IsConst, const Json, Json>;

  public:
    explicit JsonItems(Owner* owner) : owner_(owner) {}
    JsonItem<IsConst> begin() const { return {owner_, 0}; }
    JsonItem<IsConst> end() const { return {owner_, owner_->size()}; }

  private:
    Owner* owner_;
};

inline Json::iterator Json::begin() { return {this, 0}; }
inline Json::iterator Json::end() { return {this, size()}; }
inline Json::const_iterator Json::begin() const { return {this, 0}; }
inline Json::const_iterator Json::end() const { return {this, size()}; }
inline Json::const_iterator Json::cbegin() const { return begin(); }
inline Json::const_iterator Json::cend() const { return end(); }
inline std::reverse_iterator<Json::iterator> Json::rbegin() { return std::reverse_iterator(end()); }
inline std::reverse_iterator<Json::iterator> Json::rend() { return std::reverse_iterator(begin()); }
inline std::reverse_iterator<Json::const_iterator> Json::rbegin() const { return std::reverse_iterator(end()); }
inline std::reverse_iterator<Json::const_iterator> Json::rend() const { return std::reverse_iterator(begin()); }
inline JsonItems<false> Json::items() { return JsonItems<false>(this); }
inline JsonItems<true> Json::items() const { return JsonItems<true>(this); }

template <typename T>
std::pair<Json::iterator, bool> Json::emplace(std::string_view name, T&& value) {
    const bool is_new = !contains(name);
    if (is_new) {
        (*this)[name] = Json(std::forward<T>(value));
    }
    return {find(name), is_new};
}

}  // namespace resonant::json

template <bool IsConst>
struct std::tuple_size<resonant::json::JsonItem<IsConst>> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I, bool IsConst>
struct std::tuple_element<I, resonant::json::JsonItem<IsConst>> {
    using type = decltype(std::declval<const resonant::json::JsonItem<IsConst>&>().template get<I>());
};
