/* std::unordered_map: a node from malloc for each entry. */
#include <unordered_map>

#include "std_like.h"

using Hash = PEER_HASH(std::hash<bench_key>, std::string_view, std::hash<std::string_view>);
using Table = StdLike<std::unordered_map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
