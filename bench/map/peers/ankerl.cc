/* ankerl::unordered_dense: a dense array of entries with a separate index. Debian has it as part of
 * another library's headers; PEERS may have a newer one. */
#if __has_include("unordered_dense.h")
#include "unordered_dense.h"
#else
#include <tulip/unordered_dense.h>
#endif

#include "std_like.h"

using Hash = PEER_HASH(ankerl::unordered_dense::hash<bench_key>, std::string_view,
		       ankerl::unordered_dense::hash<std::string_view>);
using Table = StdLike<ankerl::unordered_dense::map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
