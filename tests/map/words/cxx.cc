// Types that C++ programs have: trivially copyable, but without a default constructor, with const members, with values.
#include <tophash/map.h>

struct options {
	int level = 3;
	float ratio = 0.5f;
};
struct id {
	int value;
	explicit id(int x) : value(x)
	{
	}
};
struct fixed {
	const int first, second;
};
enum class colour : unsigned char { red, green };

namespace ns
{
TOPHASH_MAP(opts, int, options);
TOPHASH_MAP_BYTES(ids, id, id);
TOPHASH_MAP_BYTES(fixes, fixed, fixed);
TOPHASH_MAP(colours, colour, colour);
TOPHASH_SET_BYTES(id_set, id);
} // namespace ns

static bool is_odd(id key, id *, void *)
{
	return key.value % 2 != 0;
}

int main()
{
	ns::opts o = {};
	ns::ids i = {};
	ns::fixes f = {};
	ns::colours c = {};
	ns::id_set s = {};
	int sum = 0;

	if (ns::opts_put(&o, 1, options{}) != 1 || ns::opts_get(&o, 1).level != 3 ||
	    ns::opts_get(&o, 2).level != 0)
		return 1;
	for (int n = 0; n < 100; n++)
		if (ns::ids_put(&i, id(n), id(2 * n)) != 1 ||
		    ns::fixes_put(&f, fixed{n, n}, fixed{n, 3 * n}) != 1 ||
		    ns::id_set_add(&s, id(n)) != 1)
			return 2;
	TOPHASH_EACH(ns::ids, it, &i)
		sum += it.val.value - it.key.value;
	for (auto it = ns::ids_each(&i); ns::ids_next(&it);)
		sum += it.ref->value;
	if (sum != 4950 + 9900 || ns::fixes_get(&f, fixed{7, 7}).second != 21 ||
	    ns::ids_delete_if(&i, is_odd, nullptr) != 50)
		return 3;
	if (ns::ids_len(&i) != 50 || ns::colours_put(&c, colour::green, colour::red) != 1 ||
	    !ns::colours_find(&c, colour::green))
		return 4;
	ns::opts_fini(&o);
	ns::ids_fini(&i);
	ns::fixes_fini(&f);
	ns::colours_fini(&c);
	ns::id_set_fini(&s);
	return 0;
}
