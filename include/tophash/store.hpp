/* How the classes of map.hpp keep keys and values in the slots of a map, whose library copies slots as bytes.
 *
 *   key, as the class names it                    in the slot               a lookup takes      a loop shows
 *   integer, bool, enum, float, pointer, char *   the key                   the key             a copy
 *   std::string                                   pointer and length of     std::string_view    std::string_view
 *                                                 a copy, which is owned
 *   std::string_view                              the same, borrowed        std::string_view    std::string_view
 *   another type that can be copied as bytes      the key                   const K &           a copy
 *   any other type                                a pointer to the key,     const K &           const K &
 *                                                 which is owned
 *
 * A value that can be copied as bytes is in the slot. For another one the slot has a pointer to it. Keys and values
 * of more than 256 bytes are behind pointers, too, and so are those with an alignment of more than 16.
 */
#ifndef TOPHASH_STORE_HPP
#define TOPHASH_STORE_HPP

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#if !defined(__cplusplus) || __cplusplus < 201703L
#error "tophash/map.hpp needs C++17 or later (C programs include tophash/map.h)"
#endif

#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tophash/typed.h"

/* Tells whether an object of a type may be moved to another address by a copy of its bytes, without a call of its move
 * constructor and of its destructor. A program may specialise it for a type of its own of which this is true. It is
 * not for std::string, which points to itself. */
template <class T> struct tophash_is_relocatable {
	static constexpr bool value = std::is_trivially_copyable<T>::value ||
				      (std::is_trivially_copy_constructible<T>::value &&
				       std::is_trivially_move_constructible<T>::value &&
				       std::is_trivially_destructible<T>::value);
};
template <class T> struct tophash_is_relocatable<std::unique_ptr<T>> {
	static constexpr bool value = true;
};
template <class T> struct tophash_is_relocatable<std::shared_ptr<T>> {
	static constexpr bool value = true;
};

/* The third argument of a class: the default hash of the key's type. Types that are no numbers, pointers or strings have
 * std::hash. */
struct tophash_default_hash {
};
/* The third argument of a class: keys are hashed and compared by their bytes, as those of TOPHASH_MAP_BYTES. */
struct tophash_bytes {
};

namespace tophash_detail
{

/* Larger objects are not in the slot: an iterator keeps up to 28 keys. */
inline constexpr std::size_t most_in_slot = 256;

template <class T> inline constexpr bool fits_slot = sizeof(T) <= most_in_slot && alignof(T) <= 16;

/* Tells whether the bytes of a type are all part of its value, or padding that is cleared. */
template <class T> inline constexpr bool is_tight = TOPHASH_IS_TIGHT(T);
template <class A, class B>
inline constexpr bool is_tight<std::pair<A, B>> = TOPHASH_CLEARS_PADDING ||
						  (is_tight<A> && is_tight<B> &&
						   sizeof(std::pair<A, B>) ==
							   sizeof(A) + sizeof(B));

/* Returns a new object, also of a type that has no constructor. */
template <class T, class... Args> T *new_object(Args &&...args)
{
	if constexpr (std::is_constructible<T, Args...>::value)
		return new T(std::forward<Args>(args)...);
	else
		return new T{std::forward<Args>(args)...};
}

template <class T, class... Args> void construct(void *at, Args &&...args)
{
	if constexpr (std::is_constructible<T, Args...>::value)
		::new (at) T(std::forward<Args>(args)...);
	else
		::new (at) T{std::forward<Args>(args)...};
}

/* ---- keys ------------------------------------------------------------------------------------------
 *
 * Each store of keys has these members:
 *
 *   slot      what is in the slot
 *   arg       the parameter of a function that puts; look(arg) is the slot that finds the key
 *   read      the parameter of a function that only reads
 *   moved     the parameter of a key that may be moved from
 *   shown     what a loop shows; show(slot) returns it
 *   kind      enum tophash_kind; hash and equal belong to CUSTOM and MIXED
 *   owns      a slot must be dropped. own(arg) makes one: its memory belongs to the caller, and it may throw */

/* No program has such a key. */
class no_key
{
	explicit no_key(no_key &, no_key &) = delete; /* no braces make one */
};

/* Members of stores that own nothing. */
struct borrowing {
	typedef no_key &&moved;
	static constexpr bool owns = false;
};

/* Members of stores whose hash is that of the library. */
struct native {
	static constexpr std::uint64_t (*hash)(const void *) = nullptr;
	static constexpr bool (*equal)(const void *, const void *) = nullptr;
};

/* Numbers, pointers, C strings. */
template <class K> struct plain_keys : borrowing, native {
	typedef K slot;
	typedef typename tophash_arg_of_type<K>::type arg;
	typedef typename tophash_read_of_type<K>::type read;
	typedef K shown;
	static constexpr std::uint32_t kind = tophash_kind_of_type<K>::value;
	/* The cast is for a map of char *, which is read by a const char *. */
	template <class Arg> static slot look(Arg key)
	{
		return (K)key;
	}
	static shown show(const slot &key)
	{
		return key;
	}
};

inline tophash_str str_of(std::string_view text)
{
	return {text.data(), text.size()};
}

inline std::string_view view_of(const tophash_str &str)
{
	return {str.p, str.n};
}

struct view_keys : borrowing {
	typedef tophash_str slot;
	typedef std::string_view arg, read, shown;
	static slot look(std::string_view key)
	{
		return str_of(key);
	}
	static shown show(const slot &key)
	{
		return view_of(key);
	}
};

struct string_keys : view_keys {
	static constexpr bool owns = true;
	static slot own(std::string_view key)
	{
		char *copy = nullptr;

		if (!key.empty()) {
			copy = static_cast<char *>(::operator new(key.size()));
			std::memcpy(copy, key.data(), key.size());
		}
		return {copy, key.size()};
	}
	static void drop(const slot &key) noexcept
	{
		::operator delete(const_cast<char *>(key.p));
	}
};

/* Adds the library's hash to a store of strings. */
template <class Keys> struct native_strings : Keys, native {
	static constexpr std::uint32_t kind = TOPHASH_KIND_STR;
};

/* Returns the hash of a key by the functor of a program. */
template <class Hash, class Key> std::uint64_t hash_by(const Key &key) noexcept
{
	static_assert(std::is_invocable<Hash, const Key &>::value,
		      "this key wants a hash: std::hash of its type, a third argument, or "
		      "tophash_bytes (the hash of a map of std::string takes std::string_view)");
	static_assert(!std::is_invocable<Hash, const Key &>::value ||
			      std::is_default_constructible<Hash>::value,
		      "a hash of tophash_map has no state: it must be default constructible");
	if constexpr (std::is_invocable<Hash, const Key &>::value &&
		      std::is_default_constructible<Hash>::value)
		return static_cast<std::uint64_t>(Hash{}(key));
	else
		return 0;
}

/* Returns whether two keys are equal by the functor of a program. */
template <class Equal, class Key> bool equal_by(const Key &key, const Key &other) noexcept
{
	static_assert(std::is_default_constructible<Equal>::value,
		      "an equality of tophash_map has no state: it must be default constructible");
	static_assert(std::is_invocable_r<bool, Equal, const Key &, const Key &>::value,
		      "this key wants an equality: operator==, a fourth argument, or "
		      "tophash_bytes");
	if constexpr (std::is_invocable_r<bool, Equal, const Key &, const Key &>::value)
		return static_cast<bool>(Equal{}(key, other));
	else
		return false;
}

/* Whether a hash says that it is mixed, as for boost and ankerl: by a member type is_avalanching, unless that has a value
 * which is false. */
template <class Hash, class = void> struct is_mixed : std::false_type {
};
template <class Hash>
struct is_mixed<Hash,
		typename std::enable_if<std::is_void<typename Hash::is_avalanching>::value>::type>
    : std::true_type {
};
template <class Hash>
struct is_mixed<Hash, typename std::enable_if<Hash::is_avalanching::value>::type> : std::true_type {
};

/* Adds a hash of the program to a store. */
template <class Keys, class Hash, class Equal> struct custom : Keys {
	static constexpr std::uint32_t kind =
		is_mixed<Hash>::value ? TOPHASH_KIND_MIXED : TOPHASH_KIND_CUSTOM;
	static std::uint64_t hash(const void *key) noexcept
	{
		return hash_by<Hash>(Keys::inner(key));
	}
	static bool equal(const void *key, const void *other) noexcept
	{
		return equal_by<Equal>(Keys::inner(key), Keys::inner(other));
	}
};

/* Adds to a store of strings what custom<> needs. */
template <class Keys> struct custom_strings : Keys {
	static std::string_view inner(const void *key)
	{
		return view_of(*static_cast<const tophash_str *>(key));
	}
};

/* Keys that are in the slot, of any type that can be copied as bytes. */
template <class K> struct flat_keys : borrowing {
	typedef K slot;
	typedef const K &arg, &read;
	typedef K shown;
	static const K &inner(const void *key)
	{
		return *static_cast<const K *>(key);
	}
	static slot look(const K &key)
	{
		return key;
	}
	static shown show(const slot &key)
	{
		return key;
	}
};

template <class K> struct bytes_keys : flat_keys<K>, native {
	static_assert(tophash_is_relocatable<K>::value && fits_slot<K>,
		      "keys of tophash_bytes are copied as bytes, and have at most 256 of them");
	static_assert(is_tight<K>,
		      "a key of tophash_bytes has padding: give it a hash and an equality");
	static constexpr std::uint32_t kind = TOPHASH_KIND_BYTES;
	static K look(K key)
	{
		TOPHASH_CLEAR_PADDING(&key);
		return key;
	}
};

/* Keys of any type, behind a pointer. */
template <class K> struct boxed_keys {
	typedef const K *slot;
	typedef const K &arg, &read, &shown;
	typedef K &&moved;
	static constexpr bool owns = true;
	static const K &inner(const void *key)
	{
		return **static_cast<const K *const *>(key);
	}
	static slot look(const K &key)
	{
		return std::addressof(key);
	}
	static shown show(const slot &key)
	{
		return *key;
	}
	template <class Key> static slot own(Key &&key)
	{
		return new K(std::forward<Key>(key));
	}
	static void drop(const slot &key) noexcept
	{
		delete key;
	}
};

/* Keys are copied out of a slot while a loop shows them. */
template <class K>
inline constexpr bool is_flat =
	tophash_is_relocatable<K>::value &&std::is_trivially_copy_constructible<K>::value
		&&std::is_trivially_destructible<K>::value &&fits_slot<K>;

template <class K, class Hash, class Equal> struct keys_of {
	static_assert(std::is_same<K, typename std::remove_cv<K>::type>::value &&
			      std::is_object<K>::value && !std::is_array<K>::value,
		      "the key of tophash_map is the type of an object, without const");
	static constexpr bool is_text =
		std::is_same<K, std::string>::value || std::is_same<K, std::string_view>::value;
	static constexpr bool is_native = std::is_same<Hash, tophash_default_hash>::value &&
					  std::is_same<Equal, std::equal_to<>>::value;

	static constexpr auto choose()
	{
		if constexpr (std::is_same<Hash, tophash_bytes>::value) {
			return bytes_keys<K>();
		} else if constexpr (is_text) {
			typedef typename std::conditional<std::is_same<K, std::string>::value,
							  string_keys, view_keys>::type strings;
			typedef typename std::conditional<
				std::is_same<Hash, tophash_default_hash>::value,
				std::hash<std::string_view>, Hash>::type string_hash;

			if constexpr (is_native)
				return native_strings<strings>();
			else
				return custom<custom_strings<strings>, string_hash, Equal>();
		} else if constexpr (is_native && tophash_kind_of_type<K>::value != 0) {
			return plain_keys<K>();
		} else {
			typedef typename std::conditional<
				std::is_same<Hash, tophash_default_hash>::value, std::hash<K>,
				Hash>::type own_hash;
			typedef typename std::conditional<is_flat<K>, flat_keys<K>,
							  boxed_keys<K>>::type keys;

			return custom<keys, own_hash, Equal>();
		}
	}
	typedef decltype(choose()) type;
};

/* ---- values ---------------------------------------------------------------------------------------- */

template <class V> struct values {
	static constexpr bool in_slot = tophash_is_relocatable<V>::value && fits_slot<V>;
	typedef typename std::conditional<in_slot, V, V *>::type slot;

	/* Debug information has the type slot because this function returns it. */
	static slot &in(void *place)
	{
		return *static_cast<slot *>(place);
	}
	static V &at(void *place)
	{
		if constexpr (in_slot)
			return in(place);
		else
			return *in(place);
	}
	static void drop(void *place) noexcept
	{
		if constexpr (in_slot)
			at(place).~V();
		else
			delete *static_cast<V **>(place);
	}
	static constexpr bool owns = !in_slot || !std::is_trivially_destructible<V>::value;
};

/* A value that is built before there is a place for it. */
template <class V> class built_value
{
	alignas(typename values<V>::slot) unsigned char bytes[sizeof(typename values<V>::slot)];
	bool given = false;

      public:
	template <class... Args> explicit built_value(Args &&...args)
	{
		if constexpr (values<V>::in_slot) {
			construct<V>(bytes, std::forward<Args>(args)...);
		} else {
			V *value = new_object<V>(std::forward<Args>(args)...);

			std::memcpy(bytes, &value, sizeof(value));
		}
	}
	built_value(const built_value &) = delete;
	built_value &operator=(const built_value &) = delete;
	~built_value()
	{
		if (!given)
			values<V>::drop(bytes);
	}
	/* Moves the value to its place. */
	void give(void *place) noexcept
	{
		std::memcpy(place, bytes, sizeof(bytes));
		given = true;
	}
};

/* A key that is copied before there is a place for it. */
template <class Keys> class built_key
{
	bool given = false;

      public:
	typename Keys::slot slot;

	template <class Key> explicit built_key(Key &&key) : slot(Keys::own(std::forward<Key>(key)))
	{
	}
	built_key(const built_key &) = delete;
	built_key &operator=(const built_key &) = delete;
	~built_key()
	{
		if (!given)
			Keys::drop(slot);
	}
	void give() noexcept
	{
		given = true;
	}
};

} /* namespace tophash_detail */

#endif
