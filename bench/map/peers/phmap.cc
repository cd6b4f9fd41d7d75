/* phmap::flat_hash_map: absl's design, headers only. Its own hash mixes integers. */
#include <parallel_hashmap/phmap.h>

#include "std_like.h"

using Hash = PEER_HASH(phmap::Hash<bench_key>, std::string_view, phmap::Hash<std::string_view>);
using Table = StdLike<phmap::flat_hash_map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
