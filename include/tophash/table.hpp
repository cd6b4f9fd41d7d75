/* What tophash_map and tophash_set of map.hpp have in common: the map of the library, its slots, a loop over them. */
#ifndef TOPHASH_TABLE_HPP
#define TOPHASH_TABLE_HPP

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/store.hpp"

#include <cerrno>
#include <cstdlib>
#include <stdexcept>

#include "tophash/code.h"

/* Inlined as the functions of map.h are. */
#if TOPHASH_LIGHT
#define TOPHASH_HOT_
#else
#define TOPHASH_HOT_ __attribute__((always_inline))
#endif

namespace tophash_detail
{

/* Ends a put that failed with the error number of the library. */
[[noreturn]] inline void fail(int error)
{
#ifdef __cpp_exceptions
	if (error == -EOVERFLOW)
		throw std::length_error("tophash_map: too many elements");
	throw std::bad_alloc();
#else
	(void)error;
	std::abort();
#endif
}

/* The value of a set. */
struct no_value {
};

/* The slots of a map. */
template <class Keys, class V> struct slots {
	typedef typename values<V>::slot val_slot;
	static constexpr std::size_t val_at =
		TOPHASH_VAL_AT(Keys::kind, typename Keys::slot, val_slot);
	static constexpr std::size_t size =
		TOPHASH_SLOT_SIZE(Keys::kind, typename Keys::slot, val_slot);
	static constexpr std::size_t val_size = sizeof(val_slot);
	static constexpr bool owns_val = values<V>::owns;
};
template <class Keys> struct slots<Keys, no_value> {
	static constexpr std::size_t val_at =
		TOPHASH_SET_SLOT_SIZE(Keys::kind, typename Keys::slot);
	static constexpr std::size_t size = val_at;
	static constexpr std::size_t val_size = 0;
	static constexpr bool owns_val = false;
};

/* The type that the library is told. */
template <class Keys, class V>
inline constexpr struct tophash_type type_of = {
	Keys::kind,
	sizeof(typename Keys::slot),
	slots<Keys, V>::val_size,
	slots<Keys, V>::val_at,
	TOPHASH_HAS_HASH(Keys::kind) ? TOPHASH_ROUND(sizeof(typename Keys::slot), 4) : 0,
	slots<Keys, V>::size,
	Keys::hash,
	Keys::equal,
};

/* The two halves of a loop. end() of a range-for is the variable with the iterator of the library and the keys that it
 * keeps; its address is known to the library. begin() is the cursor, which the compiler can therefore keep in registers.
 * A step is taken when the two are compared. */
template <class Keys> class loop_end
{
	template <class, class> friend class loop_slot;

	struct tophash_iter iter;
	unsigned char kept[TOPHASH_KEPT_BYTES(sizeof(typename Keys::slot))];

      public:
	explicit loop_end(const struct tophash *map)
	{
		tophash_iter_init(&iter, map, kept);
	}
	/* iter points to kept. */
	loop_end(const loop_end &) = delete;
	loop_end &operator=(const loop_end &) = delete;
};
template <class Keys, class V> class loop_slot
{
	struct tophash_cursor cursor = {};

      protected:
	unsigned char *slot = nullptr;

      public:
	explicit loop_slot(const struct tophash *map)
	{
		tophash_cursor_start(&cursor, map);
	}
	loop_slot(const loop_slot &) = delete;
	loop_slot &operator=(const loop_slot &) = delete;
	unsigned char *at() const
	{
		return slot;
	}
	TOPHASH_HOT_ bool operator!=(loop_end<Keys> &end)
	{
		slot = TOPHASH_STEP(&cursor, &end.iter, end.kept, (&type_of<Keys, V>));
		return slot != nullptr;
	}
	/* Another end() in each step would begin anew. gcc wants a declaration for the loop that is right. */
	__attribute__((error("a loop over a tophash_map is: for (auto [key, val] : map)"))) bool
	operator!=(loop_end<Keys> &&);
	void operator++()
	{
	}
};

/* What maps and sets have in common. V is no_value in a set. */
template <class K, class V, class Hash, class Equal> class table
{
      protected:
	typedef typename keys_of<K, Hash, Equal>::type keys;
	typedef typename keys::slot key_slot;

	struct tophash map = {};

	static key_slot &key_in(unsigned char *slot)
	{
		return *static_cast<key_slot *>(static_cast<void *>(slot));
	}
	static void *val_in(unsigned char *slot)
	{
		return slot + slots<keys, V>::val_at;
	}
	TOPHASH_HOT_ unsigned char *find_slot(const key_slot &key) const
	{
		return TOPHASH_FIND_(&map, (&type_of<keys, V>), &key);
	}
	/* Returns the slot of a key, which may be new. */
	TOPHASH_HOT_ unsigned char *put_slot(const key_slot &key, bool *ret_added)
	{
		int ret;
		unsigned char *slot =
			TOPHASH_PUT_(&map, (&type_of<keys, V>), &key, TOPHASH_PUT_LOOK, &ret);

		if (TOPHASH_UNLIKELY(!slot))
			fail(ret);
		*ret_added = ret == 1;
		return slot;
	}
	static void drop_key(void *key, void *) noexcept
	{
		if constexpr (keys::owns)
			keys::drop(*static_cast<key_slot *>(key));
	}
	static void drop_val(void *val, void *) noexcept
	{
		if constexpr (slots<keys, V>::owns_val)
			values<V>::drop(val);
	}
	static constexpr bool owns()
	{
		return keys::owns || slots<keys, V>::owns_val;
	}
	/* Calls tophash_fini() or tophash_clear(), with hooks that drop the elements. */
	void drop_all(void (*finish)(struct tophash *))
	{
		const struct tophash_hooks *own = map.hooks;
		struct tophash_hooks hooks = {};

		if (own)
			hooks = *own;
		hooks.size = sizeof(hooks);
		hooks.drop_key = drop_key;
		hooks.drop_val = drop_val;
		if (!owns()) {
			finish(&map);
			return;
		}
		map.hooks = &hooks;
		finish(&map);
		map.hooks = own;
		tophash_keep_room(&map, map.keep_room); /* the fast path may write again */
	}
	/* Erases the element that a key finds. Its memory is freed last: the key may be in it. */
	TOPHASH_HOT_ bool erase_slot(const key_slot &key)
	{
		if constexpr (!owns()) {
			return TOPHASH_DELETE_(&map, (&type_of<keys, V>), &key);
		} else {
			alignas(16) unsigned char copy[slots<keys, V>::size];
			unsigned char *slot = find_slot(key);

			if (!slot)
				return false;
			std::memcpy(copy, slot, sizeof(copy));
			TOPHASH_DELETE_(&map, (&type_of<keys, V>), &key);
			drop_val(val_in(copy), nullptr);
			drop_key(copy, nullptr);
			return true;
		}
	}
	table() noexcept = default;
	explicit table(std::size_t hint)
	{
		int error = tophash_init(&map, &type_of<keys, V>, hint);

		if (error)
			fail(error);
	}
	table(table &&other) noexcept : map(other.map)
	{
		other.map = {};
	}
	table &operator=(table &&other) noexcept
	{
		if (this != &other) {
			drop_all(tophash_fini);
			map = other.map;
			other.map = {};
		}
		return *this;
	}
	~table()
	{
		drop_all(tophash_fini);
	}

      public:
	typedef K key_type;
	typedef std::size_t size_type;

	std::size_t size() const noexcept
	{
		return map.len;
	}
	[[nodiscard]] bool empty() const noexcept
	{
		return map.len == 0;
	}
	TOPHASH_HOT_ bool contains(typename keys::read key) const
	{
		return find_slot(keys::look(key)) != nullptr;
	}
	TOPHASH_HOT_ bool erase(typename keys::read key)
	{
		return erase_slot(keys::look(key));
	}
	void clear() noexcept
	{
		drop_all(tophash_clear);
	}
	void reserve(std::size_t n)
	{
		int error = tophash_reserve(&map, &type_of<keys, V>, n);

		if (error)
			fail(error);
	}
	/* Gives back the memory that the elements do not need, as far as that needs no other memory. */
	void shrink_to_fit() noexcept
	{
		tophash_shrink(&map);
	}
	struct tophash *c_map() noexcept
	{
		return &map;
	}
	const struct tophash *c_map() const noexcept
	{
		return &map;
	}
	loop_end<keys> end() const
	{
		return loop_end<keys>(&map);
	}
};

} /* namespace tophash_detail */

#endif
