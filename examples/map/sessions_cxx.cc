// Sessions of users, in C++: a map of strings to objects, a set of them by user, and elements that a loop erases.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <tophash/map.hpp>

struct session {
	std::string user;
	int minutes_idle = 0;
	std::vector<std::string> files;
};

int main()
{
	tophash_map<std::string, session> sessions;
	tophash_map<std::string, int> by_user;

	sessions["s1"] = {"ada", 5, {"notes"}};
	sessions["s2"] = {"alan", 90, {}};
	sessions.insert_or_assign("s3", session{"ada", 70, {"loops", "plans"}});
	if (auto [s, added] = sessions.try_emplace("s1"); !added)
		s.files.push_back("letters");

	for (auto [id, s] : sessions)
		by_user[s.user]++;
	std::printf("ada has %d sessions, alan %d\n", by_user["ada"], by_user["alan"]);

	for (auto [id, s] : sessions)
		if (s.minutes_idle > 60)
			sessions.erase(id); // id and s end here
	if (session *s = sessions.find("s1"))
		std::printf("s1: %s, %zu files\n", s->user.c_str(), s->files.size());
	std::printf("%zu left, s2 is %s\n", sessions.size(),
		    sessions.contains("s2") ? "there" : "gone");

	tophash_set<std::string> users;
	std::vector<std::string> sorted;
	for (auto [user, count] : by_user)
		users.insert(user);
	users.insert("grace");
	users.erase_if([](std::string_view user) { return user.size() == 4; });
	for (auto user : users)
		sorted.emplace_back(user);
	std::sort(sorted.begin(), sorted.end());
	for (const std::string &user : sorted)
		std::printf("%s\n", user.c_str());
}
