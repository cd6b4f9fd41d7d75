module tophash/bench/map

go 1.19
