/* absl::flat_hash_map. */
#include <absl/container/flat_hash_map.h>

#include "std_like.h"

using Hash = PEER_HASH(absl::Hash<bench_key>, absl::string_view, absl::Hash<absl::string_view>);
using Table = StdLike<absl::flat_hash_map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
