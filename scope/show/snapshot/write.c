#include "base/buf.h"
#include "base/text/text.h"
#include "show/snapshot/snapshot.h"

void snapshot_put_head(struct buf *to, const struct snapshot_head *head)
{
	struct json_clock clock = {0};

	json_literal(to, "{\"event\":\"list\",\"schema\":");
	buf_u64(to, SNAPSHOT_SCHEMA);
	json_name(to, "time");
	json_put_time(to, &clock, head->wall_ns);
	json_name(to, "time_ns");
	json_put_ns(to, head->wall_ns);
	json_name(to, "pid");
	buf_u64(to, head->pid);
	json_name(to, "image");
	json_put_address(to, head->image);
	json_name(to, "exe");
	json_put_str(to, head->exe);
	json_name(to, "build_id");
	json_put_str(to, head->build_id);
	json_name(to, "go");
	json_put_str(to, head->go);
	json_end_line(to);
}

void snapshot_put(struct buf *to, const struct snapshot_head *head, const struct map_report *report)
{
	snapshot_put_head(to, head);
	maps_json(to, report);
}
