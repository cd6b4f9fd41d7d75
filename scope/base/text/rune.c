#include "base/text/text.h"

struct rune_range {
	uint32_t first, last;
};

/* Invisible runes. These are the runes that strconv.IsPrint refuses (controls, format characters,
 * separators except the ASCII space, surrogates, private use), and Unicode's
 * Default_Ignorable_Code_Point (fillers, joiners and variation selectors, which take no column).
 * Unassigned code points are left out on purpose, because every Unicode release assigns some. */
static const struct rune_range invisible[] = {
	{0x0, 0x1f},	    {0x7f, 0xa0},	{0xad, 0xad},	     {0x34f, 0x34f},
	{0x600, 0x605},	    {0x61c, 0x61c},	{0x6dd, 0x6dd},	     {0x70f, 0x70f},
	{0x890, 0x891},	    {0x8e2, 0x8e2},	{0x115f, 0x1160},    {0x1680, 0x1680},
	{0x17b4, 0x17b5},   {0x180b, 0x180f},	{0x2000, 0x200f},    {0x2028, 0x202f},
	{0x205f, 0x206f},   {0x2800, 0x2800},	{0x3000, 0x3000},    {0x3164, 0x3164},
	{0xd800, 0xf8ff},   {0xfdd0, 0xfdef},	{0xfe00, 0xfe0f},    {0xfeff, 0xfeff},
	{0xffa0, 0xffa0},   {0xfff0, 0xfffb},	{0xfffe, 0xffff},    {0x110bd, 0x110bd},
	{0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},  {0x1d173, 0x1d17a},
	{0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x323b0, 0x10ffff},
};

/* Runes that take two columns. The ranges are too wide rather than too narrow, because a line that
 * is a column short is better than one that wraps. */
static const struct rune_range wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x232a},	{0x23e9, 0x23f3},   {0x25fd, 0x25fe},
	{0x2614, 0x27bf},   {0x2b1b, 0x2b55},	{0x2e80, 0x303e},   {0x3041, 0xa4c6},
	{0xa960, 0xa97c},   {0xac00, 0xd7a3},	{0xf900, 0xfaff},   {0xfe0f, 0xfe19},
	{0xfe30, 0xfe6f},   {0xff01, 0xff60},	{0xffe0, 0xffe6},   {0x16fe0, 0x18d08},
	{0x1aff0, 0x1b2fb}, {0x1f004, 0x1faff}, {0x20000, 0x3fffd},
};

static bool rune_in(const struct rune_range *ranges, size_t n, uint32_t rune)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (rune < ranges[mid].first)
			n = mid;
		else if (rune > ranges[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

bool rune_is_visible(uint32_t rune)
{
	if (rune < 0x7f)
		return rune >= ' ';
	return !rune_in(invisible, ARRAY_SIZE(invisible), rune);
}

#define EACH(byte) ((byte)*0x0101010101010101ull)

/* Returns a word that is 0 if all eight bytes are plain. (x - c) borrows, which sets the top bit of
 * a byte, if x is below c. */
static inline uint64_t special_bytes(uint64_t word)
{
	uint64_t quote = word ^ EACH('"'), backslash = word ^ EACH('\\'), del = word ^ EACH(0x7f);

	return (word | (word - EACH(0x20)) | (quote - EACH(1)) | (backslash - EACH(1)) |
		(del - EACH(1))) &
	       EACH(0x80);
}

/* Returns a word that holds the 1 to 7 bytes. Some of them occur twice, and blanks fill the
 * rest. */
static inline uint64_t word_of(const char *bytes, size_t len)
{
	uint32_t first, last;

	if (len < 4)
		return EACH(' ') << 24 | (uint64_t)(uint8_t)bytes[0] |
		       (uint64_t)(uint8_t)bytes[len / 2] << 8 |
		       (uint64_t)(uint8_t)bytes[len - 1] << 16;
	memcpy(&first, bytes, sizeof(first));
	memcpy(&last, bytes + len - sizeof(last), sizeof(last));
	return (uint64_t)last << 32 | first;
}

size_t rune_plain_run(const char *bytes, size_t len)
{
	size_t at = 0;
	uint64_t word;

	for (; len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		if (special_bytes(word))
			break;
	}
	if (len - at < sizeof(word) && (at == len || !special_bytes(word_of(bytes + at, len - at))))
		return len;
	while (at < len) {
		unsigned char c = (unsigned char)bytes[at];

		if (c < ' ' || c >= 0x7f || c == '"' || c == '\\')
			break;
		at++;
	}
	return at;
}

size_t rune_columns(uint32_t rune)
{
	return rune < 0x1100 || !rune_in(wide, ARRAY_SIZE(wide), rune) ? 1 : 2;
}

size_t rune_decode(const char *text, size_t left, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *p = (const uint8_t *)text;
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t rune = p[0];

	if (!len || len > left || p[0] >= 0xf5)
		return 0;
	if (len > 1)
		rune &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (p[i] & 0x3f);
	}
	if (rune < least[len] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	*ret = rune;
	return len;
}

bool rune_all_valid(const char *bytes, size_t len)
{
	uint32_t rune;

	for (size_t at = 0, step; at < len; at += step) {
		step = rune_decode(bytes + at, len - at, &rune);
		if (!step)
			return false;
	}
	return true;
}
