/* ankerl::unordered_dense: a dense array of entries and an index beside it. Debian has it in another
 * library's headers. */
#include <tulip/unordered_dense.h>

#include "std_like.h"

using Hash = PEER_HASH(ankerl::unordered_dense::hash<bench_key>, std::string_view,
		       ankerl::unordered_dense::hash<std::string_view>);
using Table = StdLike<ankerl::unordered_dense::map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
