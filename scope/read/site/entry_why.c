/* Tells why the compiler chose an entry.
 *
 * The rules are those of mapfast() in cmd/compile/internal/walk/walk.go, the same in Go 1.19 to
 * 1.27. An element of more than 128 bytes gets the generic entry. Otherwise the key decides. A key
 * that is compared as plain memory gets fast32 if it has 4 bytes, and fast64 if it has 8. A string
 * gets faststr. Any other key gets the generic entry. (Assignments have variants for pointer keys;
 * deletes have none.) clear(m) and the range idiom get mapclear.
 */
#include "read/site/site.h"
#include "base/buf.h"

#define ELEM_MAX 128 /* bytes; larger elements are held by pointer */

static void put_bytes(struct buf *to, uint64_t size)
{
	buf_u64(to, size);
	buf_str(to, "-byte");
}

/* Appends "string key" or "8-byte key (*main.node)". */
static void put_key(struct buf *to, const struct site_type *type)
{
	if (type->key_kind == GOTYPE_STRING && strcmp(type->key, "string") == 0) {
		buf_str(to, "string key");
		return;
	}
	put_bytes(to, type->key_size);
	buf_str(to, " key (");
	buf_str(to, type->key);
	buf_char(to, ')');
}

static void put_elem(struct buf *to, const struct site_type *type)
{
	buf_str(to, ", ");
	put_bytes(to, type->elem_size);
	buf_str(to, " element");
}

static void why_delete(const struct go_entry *entry, const struct site_type *type, struct buf *to)
{
	put_key(to, type);
	put_elem(to, type);
	if (go_entry_key_size(entry))
		return;
	if (type->elem_size > ELEM_MAX)
		buf_str(to, ": more than 128 bytes have no fast variant");
	else
		buf_str(to, ": fast variants are for 4 or 8 bytes of plain memory, and "
			    "for strings");
}

/* Appends what the entry alone tells, for a site whose type is not known. */
static void why_entry(const struct go_entry *entry, struct buf *to)
{
	switch (go_entry_key_size(entry)) {
	case 4:
	case 8:
		buf_str(to, "a key of ");
		buf_u64(to, go_entry_key_size(entry));
		buf_str(to, " bytes of plain memory, an element of at most 128 bytes");
		break;
	case 16: buf_str(to, "a string key, an element of at most 128 bytes"); break;
	default: buf_str(to, "any other key, or an element of more than 128 bytes"); break;
	}
}

static void why_clear(const struct site_row *row, unsigned go_minor, struct buf *to)
{
	if (go_minor < 21)
		buf_str(to, "a range loop over the map that only deletes");
	else if (row->type && row->type->key_float)
		buf_str(to,
			"clear(): keys that may differ from themselves (NaN) rule out the range "
			"idiom");
	else
		buf_str(to, "clear(), or a range loop over the map that only deletes: both "
			    "compile to this");
}

void site_why(const struct site_row *row, unsigned go_minor, struct buf *to)
{
	const struct go_entry *entry = &go_entries[row->entry];

	if (row->wrapper)
		buf_str(to, "inside the runtime: an entry that calls another");
	else if (entry->sync)
		buf_str(to, "a method of sync.Map");
	else if (entry->reflect)
		buf_str(to, entry->kind == GO_ENTRY_CLEAR ? "reflect.Value.Clear"
			    : go_entry_key_size(entry)
				    ? "reflect.Value.SetMapIndex with a string key, an "
				      "element of at most 128 bytes"
				    : "reflect.Value.SetMapIndex");
	else if (entry->kind == GO_ENTRY_CLEAR)
		why_clear(row, go_minor, to);
	else if (row->type ||
		 row->instances_n) /* all instances have one shape, and the first stands for all */
		why_delete(entry, row->type ? row->type : row->instances[0], to);
	else
		why_entry(entry, to);
}

/* Returns the length of the package in a function's name: "a.com/b/c.d%2ee.f" has the package
 * "a.com/b/c.d%2ee". Dots in the last part of a path are written as %2e. Slashes in the type
 * arguments of generic functions do not count. */
size_t site_package(const char *func)
{
	size_t slash = 0, end = strcspn(func, "[");

	for (size_t i = 0; i < end; i++)
		if (func[i] == '/')
			slash = i + 1;
	for (size_t i = slash; i < end; i++)
		if (func[i] == '.' || func[i] == '(')
			return i;
	return end;
}
