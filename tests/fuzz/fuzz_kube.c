/* Replies of a cluster. Each reader gets the same bytes. */
#include "kube/kube.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kube_leftover leftovers[4];
	struct kube_target target;
	struct kube_state state;
	size_t n;

	error_free(kube_target_read((const char *)data, size, NULL, &target));
	error_free(kube_target_read((const char *)data, size, "shop", &target));
	error_free(kube_state_read((const char *)data, size, &state));
	error_free(kube_leftovers_read((const char *)data, size, leftovers, ARRAY_SIZE(leftovers),
				       &n));
	return 0;
}
