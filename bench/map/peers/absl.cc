/* absl::flat_hash_map. */
#include <absl/container/flat_hash_map.h>

#include <cstdlib>

#include "std_like.h"

using Hash = PEER_HASH(absl::Hash<bench_key>, absl::string_view, absl::Hash<absl::string_view>);
using Table = StdLike<absl::flat_hash_map<bench_key, bench_val, Hash, SameKey>>;

/* A function of newer versions of glibc that the archive of a newer Debian suite needs. */
extern "C" __attribute__((weak)) long __isoc23_strtol(const char *text, char **end, int base)
{
	return strtol(text, end, base);
}

BENCH_PEER(Table)
