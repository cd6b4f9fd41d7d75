/* Verstable's interface for a map of tophash, as far as Verstable's own unit tests use it. It
 * replaces Verstable's header and is included once for each table, with NAME, KEY_TY and so on
 * defined. tests/map/others.py compiles those tests with it.
 *
 * An entry is a value that contains key and value, because Verstable's iterators point to both. A
 * table has at most one loop at a time. It is one of tophash's loops, and entries may leave the map
 * during it.
 */
#ifndef VERSTABLE_ADAPTER_H
#define VERSTABLE_ADAPTER_H

#include <stdlib.h>
#include <tophash/map.h>

/* The tests take their seed from the time of day. With a fixed seed a run can be repeated. */
#define srand(ignored) srand(VT_SEED)

#define VT_CAT_(a, b) a##b
#define VT_CAT(a, b)  VT_CAT_(a, b)
#define VT_F(f)	      VT_CAT(NAME, f)
#define VT_MAP(...)   TOPHASH_MAP(__VA_ARGS__)
#define VT_EACH(...)  TOPHASH_EACH(__VA_ARGS__)

/* An empty table points to it, and the tests check this. */
static const uint16_t vt_empty_placeholder_metadatum;

/* The functions of each kind of table, indexed by the size of its member id_. vt_insert() and the
 * others find them there. */
static const void *vt_functions_[64];

#define VT_ALL_(t)		 ((__typeof__((t)->functions_[0]))vt_functions_[sizeof((t)->id_[0])])
#define vt_init(t, ...)		 VT_ALL_(t)->init(t, ##__VA_ARGS__)
#define vt_init_clone(t, ...)	 VT_ALL_(t)->init_clone(t, __VA_ARGS__)
#define vt_size(t)		 VT_ALL_(t)->size(t)
#define vt_bucket_count(t)	 VT_ALL_(t)->bucket_count(t)
#define vt_insert(t, ...)	 VT_ALL_(t)->insert(t, __VA_ARGS__)
#define vt_get_or_insert(t, ...) VT_ALL_(t)->get_or_insert(t, __VA_ARGS__)
#define vt_get(t, key)		 VT_ALL_(t)->get(t, key)
#define vt_erase(t, key)	 VT_ALL_(t)->erase(t, key)
#define vt_erase_itr(t, it)	 VT_ALL_(t)->erase_itr(t, it)
#define vt_reserve(t, n)	 VT_ALL_(t)->reserve(t, n)
#define vt_shrink(t)		 VT_ALL_(t)->shrink(t)
#define vt_first(t)		 VT_ALL_(t)->first(t)
#define vt_next(it)		 ((__typeof__((it).functions_[0]))vt_functions_[sizeof((it).id_[0])])->next(it)
#define vt_is_end(it)		 (!(it).data)
#define vt_clear(t)		 VT_ALL_(t)->clear(t)
#define vt_cleanup(t)		 VT_ALL_(t)->cleanup(t)

#endif

#ifdef VAL_TY
#define VT_VAL_MEMBER VAL_TY val;
#define VT_VAL_ARG    , VAL_TY val
#define VT_ENTRY         \
	{                \
		key, val \
	}
#else
#define VT_VAL_MEMBER
#define VT_VAL_ARG
#define VT_ENTRY    \
	{           \
		key \
	}
#endif
#ifdef CTX_TY
#define VT_CTX_ARG , CTX_TY ctx
#else
#define VT_CTX_ARG
#endif

typedef struct {
	KEY_TY key;
	VT_VAL_MEMBER
} VT_F(_bucket);

VT_MAP(VT_F(_map_), KEY_TY, VT_F(_bucket));

typedef struct NAME NAME;
struct VT_F(_functions_);
enum { VT_F(_id_) = __COUNTER__ + 1 };

typedef struct {
	VT_F(_bucket) * data; /* NULL at the end */
	NAME *table;	      /* in a loop; NULL for one entry that was looked up */
	const struct VT_F(_functions_) * functions_[0];
	char id_[0][VT_F(_id_)];
} VT_F(_itr);

struct VT_F(_functions_) {
	void (*init)(NAME *VT_CTX_ARG);
	bool (*init_clone)(NAME *, const NAME *VT_CTX_ARG);
	size_t (*size)(const NAME *);
	size_t (*bucket_count)(const NAME *);
	VT_F(_itr) (*insert)(NAME *, KEY_TY VT_VAL_ARG);
	VT_F(_itr) (*get_or_insert)(NAME *, KEY_TY VT_VAL_ARG);
	VT_F(_itr) (*get)(const NAME *, KEY_TY);
	bool (*erase)(NAME *, KEY_TY);
	VT_F(_itr) (*erase_itr)(NAME *, VT_F(_itr));
	bool (*reserve)(NAME *, size_t);
	bool (*shrink)(NAME *);
	VT_F(_itr) (*first)(NAME *);
	VT_F(_itr) (*next)(VT_F(_itr));
	void (*clear)(NAME *);
	void (*cleanup)(NAME *);
};

struct NAME {
	struct VT_F(_map_) map;
	struct VT_F(_map__iter) loop;
	struct tophash_hooks hooks;
	const uint16_t *metadata; /* the placeholder while there is no room */
	const void *buckets;	  /* changes when the entries have moved */
#ifdef CTX_TY
	CTX_TY ctx;
#endif
	const struct VT_F(_functions_) * functions_[0];
	char id_[0][VT_F(_id_)];
};

/* ---- memory ---- */

#ifdef CTX_TY
/* A block begins with its size. Verstable has one block for each table. Its tests therefore compare
 * the size of a freed block with the last size that was requested. tophash has several blocks. Each
 * is compared with its own size, which then becomes the last size for the tests. */
enum { VT_F(_head_) = 16 };

static void *VT_F(_alloc_)(size_t size, void *ctx)
{
	NAME *t = ctx;
	char *p = MALLOC_FN(size + VT_F(_head_), &t->ctx);

	if (!p)
		return NULL;
	*(size_t *)p = size;
	return p + VT_F(_head_);
}

static void VT_F(_free_)(void *block, size_t size, void *ctx)
{
	NAME *t = ctx;
	char *p = (char *)block - VT_F(_head_);

	if (*(size_t *)p != size)
		abort();
	t->ctx.alloc_size = size + VT_F(_head_);
	FREE_FN(p, size + VT_F(_head_), &t->ctx);
}
#else
static void *VT_F(_alloc_)(size_t size, void *ctx)
{
	(void)ctx;
	return MALLOC_FN(size);
}

static void VT_F(_free_)(void *p, size_t size, void *ctx)
{
	(void)ctx;
	FREE_FN(p, size);
}
#endif

#ifdef KEY_DTOR_FN
static void VT_F(_drop_)(void *entry, void *ctx)
{
	VT_F(_bucket) *dropped = entry;

	(void)ctx;
	KEY_DTOR_FN(dropped->key);
#ifdef VAL_DTOR_FN
	VAL_DTOR_FN(dropped->val);
#endif
}
#endif

/* ---- tables ---- */

static size_t VT_F(_bucket_count)(const NAME *t)
{
	struct tophash_stats stats;

	VT_F(_map__stats)(&t->map, &stats);
	return stats.slots;
}

static void VT_F(_show_)(NAME *t)
{
	t->metadata = VT_F(_bucket_count)(t) ? NULL : &vt_empty_placeholder_metadatum;
	t->buckets = t->map.map.slots;
}

static void VT_F(_start_)(NAME *t)
{
	t->hooks = (struct tophash_hooks){
		.size = sizeof(t->hooks),
		.ctx = t,
		.alloc = VT_F(_alloc_),
		.free = VT_F(_free_),
#ifdef KEY_DTOR_FN
		.drop_val = VT_F(_drop_),
#endif
	};
	if (VT_F(_map__set_hooks)(&t->map, &t->hooks))
		abort();
	VT_F(_show_)(t);
}

static void VT_F(_init)(NAME *t VT_CTX_ARG)
{
	*t = (NAME){0};
#ifdef CTX_TY
	t->ctx = ctx;
#endif
	VT_F(_start_)(t);
}

static size_t VT_F(_size)(const NAME *t)
{
	return VT_F(_map__len)(&t->map);
}

static VT_F(_itr) VT_F(_get)(const NAME *t, KEY_TY key)
{
	return (VT_F(_itr)){.data = VT_F(_map__find)(&t->map, key)};
}

static VT_F(_itr) VT_F(_insert)(NAME *t, KEY_TY key VT_VAL_ARG)
{
	VT_F(_bucket) entry = VT_ENTRY;

	if (VT_F(_map__put)(&t->map, key, entry) < 0)
		return (VT_F(_itr)){0};
	VT_F(_show_)(t);
	return VT_F(_get)(t, key);
}

static VT_F(_itr) VT_F(_get_or_insert)(NAME *t, KEY_TY key VT_VAL_ARG)
{
	VT_F(_bucket) entry = VT_ENTRY;
	size_t before = VT_F(_size)(t);
	VT_F(_itr) it = {.data = VT_F(_map__slot)(&t->map, key)};

	if (it.data && VT_F(_size)(t) > before)
		*it.data = entry;
	VT_F(_show_)(t);
	return it;
}

static bool VT_F(_erase)(NAME *t, KEY_TY key)
{
	bool erased = VT_F(_map__delete)(&t->map, key);

	VT_F(_show_)(t);
	return erased;
}

static VT_F(_itr) VT_F(_next)(VT_F(_itr) it)
{
	it.data = it.table && VT_F(_map__next)(&it.table->loop) ? it.table->loop.ref : NULL;
	return it;
}

static VT_F(_itr) VT_F(_first)(NAME *t)
{
	t->loop = VT_F(_map__each)(&t->map);
	return VT_F(_next)((VT_F(_itr)){.table = t});
}

static VT_F(_itr) VT_F(_erase_itr)(NAME *t, VT_F(_itr) it)
{
	KEY_TY key = it.data->key;

	if (!VT_F(_erase)(t, key))
		abort();
	return VT_F(_next)(it);
}

static bool VT_F(_reserve)(NAME *t, size_t n)
{
	bool done = !VT_F(_map__reserve)(&t->map, n);

	VT_F(_show_)(t);
	return done;
}

static bool VT_F(_shrink)(NAME *t)
{
	bool done = !VT_F(_map__shrink)(&t->map);

	VT_F(_show_)(t);
	return done;
}

static void VT_F(_clear)(NAME *t)
{
	VT_F(_map__clear)(&t->map);
	VT_F(_show_)(t);
}

static void VT_F(_cleanup)(NAME *t)
{
	VT_F(_map__fini)(&t->map);
	VT_F(_start_)(t);
}

/* Copies by puts if the copy has its own context, because a clone of tophash shares the hooks. */
static bool VT_F(_init_clone)(NAME *t, const NAME *from VT_CTX_ARG)
{
#ifdef CTX_TY
	VT_F(_init)(t, ctx);
	VT_EACH(VT_F(_map_), it, &from->map)
	{
		if (VT_F(_map__put)(&t->map, it.key, it.val) < 0) {
			VT_F(_cleanup)(t);
			return false;
		}
	}
#else
	*t = (NAME){0};
	if (VT_F(_map__clone)(&from->map, &t->map))
		return false;
	t->hooks = from->hooks;
#endif
	VT_F(_show_)(t);
	return true;
}

__attribute__((constructor)) static void VT_F(_register_)(void)
{
	static const struct VT_F(_functions_) functions = {
		VT_F(_init),	  VT_F(_init_clone),	VT_F(_size),	VT_F(_bucket_count),
		VT_F(_insert),	  VT_F(_get_or_insert), VT_F(_get),	VT_F(_erase),
		VT_F(_erase_itr), VT_F(_reserve),	VT_F(_shrink),	VT_F(_first),
		VT_F(_next),	  VT_F(_clear),		VT_F(_cleanup),
	};

	vt_functions_[VT_F(_id_)] = &functions;
}

/* Tells whether a loop has ended. The tests call it by its full name. */
static inline bool VT_F(_is_end)(VT_F(_itr) it)
{
	return !it.data;
}

#undef NAME
#undef KEY_TY
#undef VAL_TY
#undef KEY_DTOR_FN
#undef VAL_DTOR_FN
#undef CTX_TY
#undef MAX_LOAD
#undef MALLOC_FN
#undef FREE_FN
#undef VT_VAL_MEMBER
#undef VT_VAL_ARG
#undef VT_ENTRY
#undef VT_CTX_ARG
