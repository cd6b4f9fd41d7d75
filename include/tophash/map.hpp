/* Go's map as classes of C++17: the map of map.h, which finishes by itself, and whose keys and values may be of any type.
 *
 *	#include <tophash/map.hpp>
 *
 *	tophash_map<std::string, int> ages;
 *
 *	ages["ada"] = 36;
 *	if (int *age = ages.find("ada"))
 *		++*age;
 *	for (auto [name, age] : ages)
 *		if (age > 36)
 *			ages.erase(name);
 *
 * tophash_map<K, V, Hash, Equal> and tophash_set<K, Hash, Equal>. Numbers, pointers and strings need no Hash; as in C, a
 * char * is a string that the map borrows. A std::string is copied, and looked up by a std::string_view. For
 * other keys there is std::hash and ==, or Hash and Equal: functors without state, which are inlined. A Hash with the
 * member type is_avalanching is mixed (TOPHASH_MAP_MIXED). With
 * tophash_bytes as Hash, keys are compared by their bytes. store.hpp draws what is in a slot.
 *
 *	map()                     makes an empty map, without memory
 *	map(size_t hint)          makes one with room for hint elements
 *	map(map &&), operator=    leave the other map empty. Maps are not copied
 *	size(), empty()
 *	V *find(key)              returns the value, or nullptr
 *	contains(key)
 *	V &operator[](key)        returns the value. A new one is V()
 *	{V &value, bool added} try_emplace(key, args...)   makes the value V(args...), if the key is new
 *	bool insert_or_assign(key, value)                  returns whether the key is new
 *	bool insert(key)          of a set: returns whether the key is new
 *	bool erase(key)           returns whether the key was there
 *	size_t erase_if(fn)       erases the elements for which fn(key, V &) (of a set: fn(key)) returns true, and
 *	                          returns how many. fn may change the map, but not erase the element that it is given
 *	clear(), reserve(n), shrink_to_fit(), swap(other)
 *	begin(), end()            for a loop: its entry has the members key and val, a set's is the key
 *	c_map()                   returns the map of the library, for tophash_stats(), tophash_keep_room() and all others
 *	                          of core.h that do not add or remove elements
 *
 * The loop may do anything to the map, as in C: no element comes twice, none comes that was erased before the loop reached
 * it, none is left out that was there all the time. A key that owns memory (std::string, or behind a pointer) is the
 * map's own: it ends when its element is erased.
 *
 * The address of a value is valid until the map changes. That of a value behind a pointer (store.hpp) is valid until its
 * element is erased, or the map ends.
 *
 * Without memory a function throws std::bad_alloc, and std::length_error where there are too many elements. It throws what
 * a constructor throws. The map is unchanged then. Hash and Equal must not throw: std::terminate() is called. They, and
 * destructors of elements, must not use the map.
 *
 * Threads: any number of readers without a writer, or one writer alone.
 */
#ifndef TOPHASH_MAP_HPP
#define TOPHASH_MAP_HPP

#if !defined(TOPHASH_SHOW_WARNINGS) && __INCLUDE_LEVEL__
#pragma GCC system_header
#endif

#include "tophash/table.hpp"

template <class K, class V, class Hash = tophash_default_hash, class Equal = std::equal_to<>>
class tophash_map : public tophash_detail::table<K, V, Hash, Equal>
{
	typedef tophash_detail::table<K, V, Hash, Equal> base;
	typedef typename base::keys keys;

	/* One search is enough where nothing can throw between it and the new element. */
	template <class... Args>
	static constexpr bool is_direct = !keys::owns && tophash_detail::values<V>::in_slot &&
					  std::is_nothrow_constructible<V, Args...>::value;

	static V &value_in(unsigned char *slot)
	{
		return tophash_detail::values<V>::at(base::val_in(slot));
	}
	/* Builds the key and the value before there is an element: the constructors may throw, and args may be part
	 * of the map. */
	template <class Key, class... Args>
	unsigned char *place_built(bool *ret_added, Key &&key, Args &&...args)
	{
		typename base::key_slot look = keys::look(key);
		unsigned char *slot = base::find_slot(look);

		*ret_added = false;
		if (slot)
			return slot;
		tophash_detail::built_value<V> value(std::forward<Args>(args)...);
		if constexpr (keys::owns) {
			tophash_detail::built_key<keys> own(std::forward<Key>(key));

			slot = base::put_slot(own.slot, ret_added);
			if (*ret_added)
				own.give();
		} else {
			slot = base::put_slot(look, ret_added);
		}
		if (*ret_added)
			value.give(base::val_in(slot));
		return slot;
	}
	/* Finds a key or makes an element. args must not be part of the map. */
	template <class Key, class... Args>
	TOPHASH_HOT_ unsigned char *place(bool *ret_added, Key &&key, Args &&...args)
	{
		if constexpr (is_direct<Args...>) {
			unsigned char *slot = base::put_slot(keys::look(key), ret_added);

			if (*ret_added)
				::new (base::val_in(slot)) V(std::forward<Args>(args)...);
			return slot;
		} else {
			return place_built(ret_added, std::forward<Key>(key),
					   std::forward<Args>(args)...);
		}
	}
	/* Replaces a value. The new one may be part of it. */
	template <class Val> static void replace(V &old, void *place, Val &&value)
	{
		if constexpr (std::is_assignable<V &, Val &&>::value) {
			old = std::forward<Val>(value);
		} else {
			tophash_detail::built_value<V> other(std::forward<Val>(value));

			tophash_detail::values<V>::drop(place);
			other.give(place);
		}
	}
	template <class Key, class Val> TOPHASH_HOT_ bool assign(Key &&key, Val &&value)
	{
		bool added;

		if constexpr (is_direct<V>) {
			V copy(std::forward<Val>(value)); /* a put may move what value refers to */
			unsigned char *slot =
				place(&added, std::forward<Key>(key), std::move(copy));

			if (!added)
				replace(value_in(slot), base::val_in(slot), std::move(copy));
		} else {
			unsigned char *slot = place_built(&added, std::forward<Key>(key),
							  std::forward<Val>(value));

			if (!added)
				replace(value_in(slot), base::val_in(slot),
					std::forward<Val>(value));
		}
		return added;
	}

	template <class Val> class loop : public tophash_detail::loop_slot<keys, V>
	{
	      public:
		struct entry {
			typename keys::shown key;
			Val &val;
		};
		using tophash_detail::loop_slot<keys, V>::loop_slot;
		entry operator*() const
		{
			return {keys::show(base::key_in(this->slot)), value_in(this->slot)};
		}
	};

      public:
	typedef V mapped_type;
	typedef loop<V> iterator;
	typedef loop<const V> const_iterator;
	struct placed {
		V &value;
		bool added;
	};

	tophash_map() noexcept = default;
	explicit tophash_map(std::size_t hint) : base(hint)
	{
	}
	tophash_map(tophash_map &&) noexcept = default;
	tophash_map &operator=(tophash_map &&) noexcept = default;
	~tophash_map() = default;

	TOPHASH_HOT_ V *find(typename keys::read key)
	{
		unsigned char *slot = base::find_slot(keys::look(key));

		return slot ? std::addressof(value_in(slot)) : nullptr;
	}
	TOPHASH_HOT_ const V *find(typename keys::read key) const
	{
		return const_cast<tophash_map *>(this)->find(key);
	}
	TOPHASH_HOT_ V &operator[](typename keys::arg key)
	{
		bool added;

		return value_in(place(&added, key));
	}
	V &operator[](typename keys::moved key)
	{
		bool added;

		return value_in(place(&added, std::move(key)));
	}
	template <class... Args> placed try_emplace(typename keys::arg key, Args &&...args)
	{
		bool added;
		V &value = value_in(place_built(&added, key, std::forward<Args>(args)...));

		return {value, added};
	}
	template <class... Args> placed try_emplace(typename keys::moved key, Args &&...args)
	{
		bool added;
		V &value =
			value_in(place_built(&added, std::move(key), std::forward<Args>(args)...));

		return {value, added};
	}
	template <class Val = V>
	TOPHASH_HOT_ bool insert_or_assign(typename keys::arg key, Val &&value)
	{
		return assign(key, std::forward<Val>(value));
	}
	template <class Val = V> bool insert_or_assign(typename keys::moved key, Val &&value)
	{
		return assign(std::move(key), std::forward<Val>(value));
	}
	template <class Fn> std::size_t erase_if(Fn fn)
	{
		std::size_t ret = 0;

		tophash_detail::loop_end<keys> end(&this->map);
		for (iterator it(&this->map); it != end;) {
			typename base::key_slot key = base::key_in(it.at());

			if (fn(keys::show(key), value_in(it.at())))
				ret += base::erase_slot(key);
		}
		return ret;
	}
	iterator begin()
	{
		return iterator(&this->map);
	}
	const_iterator begin() const
	{
		return const_iterator(&this->map);
	}
	void swap(tophash_map &other) noexcept
	{
		std::swap(this->map, other.map);
	}
};

template <class K, class Hash = tophash_default_hash, class Equal = std::equal_to<>>
class tophash_set : public tophash_detail::table<K, tophash_detail::no_value, Hash, Equal>
{
	typedef tophash_detail::table<K, tophash_detail::no_value, Hash, Equal> base;
	typedef typename base::keys keys;

	template <class Key> TOPHASH_HOT_ bool put(Key &&key)
	{
		bool ret;

		if constexpr (keys::owns) {
			if (base::find_slot(keys::look(key)))
				return false;
			tophash_detail::built_key<keys> own(std::forward<Key>(key));
			base::put_slot(own.slot, &ret);
			if (ret)
				own.give();
		} else {
			base::put_slot(keys::look(key), &ret);
		}
		return ret;
	}

      public:
	class iterator : public tophash_detail::loop_slot<keys, tophash_detail::no_value>
	{
	      public:
		using tophash_detail::loop_slot<keys, tophash_detail::no_value>::loop_slot;
		typename keys::shown operator*() const
		{
			return keys::show(base::key_in(this->slot));
		}
	};
	typedef iterator const_iterator;

	tophash_set() noexcept = default;
	explicit tophash_set(std::size_t hint) : base(hint)
	{
	}
	tophash_set(tophash_set &&) noexcept = default;
	tophash_set &operator=(tophash_set &&) noexcept = default;
	~tophash_set() = default;

	TOPHASH_HOT_ bool insert(typename keys::arg key)
	{
		return put(key);
	}
	bool insert(typename keys::moved key)
	{
		return put(std::move(key));
	}
	template <class Fn> std::size_t erase_if(Fn fn)
	{
		std::size_t ret = 0;

		tophash_detail::loop_end<keys> end(&this->map);
		for (iterator it(&this->map); it != end;) {
			typename base::key_slot key = base::key_in(it.at());

			if (fn(keys::show(key)))
				ret += base::erase_slot(key);
		}
		return ret;
	}
	iterator begin() const
	{
		return iterator(&this->map);
	}
	void swap(tophash_set &other) noexcept
	{
		std::swap(this->map, other.map);
	}
};

#endif
