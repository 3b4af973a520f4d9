package picture

import (
	"strconv"
	"strings"
)

const (
	startDatabase = "start it, or correct DATABASE_URL"
	startBroker   = "start it, or correct NATS_URL; nothing is lost meanwhile"
)

// serverProblems are about servers that don't serve, and a broker that is too old to be relied on.
func (r *Reader) serverProblems(p Picture) []Problem {
	return append(postgresProblems(p.Postgres), natsProblems(p.NATS)...)
}

func postgresProblems(s Server) []Problem {
	switch {
	case s.Up || s.standing == unnamed:
		return nil
	case s.standing == unopened:
		return []Problem{danger(atHealth, "mend that, or correct DATABASE_URL", "%s", s.Error)}
	case s.standing == silent:
		return []Problem{danger(atHealth, startDatabase, "PostgreSQL does not answer: %s", s.Error)}
	}
	return []Problem{danger(atHealth, "contrail doctor tells more", "PostgreSQL %s can't serve: %s", s.Version, s.Error)}
}

func natsProblems(s Server) []Problem {
	switch {
	case !s.Up && s.standing == unnamed:
		return nil
	case !s.Up && s.standing == unopened:
		return []Problem{danger(atHealth, "mend that, or correct NATS_URL; nothing is lost meanwhile", "%s", s.Error)}
	case !s.Up && s.standing == silent:
		return []Problem{danger(atHealth, startBroker, "NATS does not answer: %s", s.Error)}
	case !s.Up:
		return []Problem{danger(atHealth, "look at the server's log; contrail doctor tells more", "JetStream can't be used: %s", s.Error)}
	case olderThan(s.Version, 2, 10, 23):
		return []Problem{danger(atHealth, "upgrade the servers, one after another",
			"nats-server is %s, which can lose what it has acknowledged when its process is killed", s.Version)}
	}
	return nil
}

// olderThan compares major, minor and patch. A version that can't be read is not older.
func olderThan(version string, than ...int) bool {
	numbers, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), "-")
	for i, part := range strings.SplitN(numbers, ".", len(than)) {
		number, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		if number != than[i] {
			return number < than[i]
		}
	}
	return false
}
