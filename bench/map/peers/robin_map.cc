/* tsl::robin_map. Its own hash is std::hash, which for integers is the integer. */
#include <tsl/robin_map.h>

#include "std_like.h"

using Hash = PEER_HASH(std::hash<bench_key>, std::string_view, std::hash<std::string_view>);

struct Table : StdLike<tsl::robin_map<bench_key, bench_val, Hash, SameKey>> {
};

BENCH_PEER(Table)
