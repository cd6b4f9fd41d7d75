/* ska::bytell_hash_map: chains inside the table, as in Verstable. Its own hash is std::hash. */
#include <cstring>

#include <bytell_hash_map.hpp>

#include "std_like.h"

using Hash = PEER_HASH(std::hash<bench_key>, std::string_view, std::hash<std::string_view>);

using Table = StdLikeIndexed<ska::bytell_hash_map<bench_key, bench_val, Hash, SameKey>>;

BENCH_PEER(Table)
