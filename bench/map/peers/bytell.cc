/* ska::bytell_hash_map: chains inside the table, as Verstable's. Its own hash is std::hash. */
#include <cstring>

#include <bytell_hash_map.hpp>

#include "std_like.h"

using Hash = PEER_HASH(std::hash<bench_key>, std::string_view, std::hash<std::string_view>);

/* Without insert_or_assign that compiles for all types. */
struct Table : StdLike<ska::bytell_hash_map<bench_key, bench_val, Hash, SameKey>> {
	void put(bench_key key, const bench_val &val)
	{
		map[key] = val;
	}
};

BENCH_PEER(Table)
