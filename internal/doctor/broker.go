package doctor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

func checkBroker(ctx context.Context, d *Doctor) ([]Finding, error) {
	if d.js == nil {
		return absent("NATS", "NATS_URL", d.config.NoBroker), nil
	}
	if _, err := d.js.AccountInfo(ctx); err != nil {
		if d.isForbidden(err) {
			return nil, err //nolint:wrapcheck // a note on what the user may not ask
		}
		return absent("JetStream", "NATS_URL", fmt.Errorf("JetStream can't be used: %w", err)), nil
	}
	return natsFinding(d.js.Conn().ConnectedServerVersion(), d.js.Conn().ConnectedServerName()), nil
}

// natsFinding is about a server's version.
func natsFinding(version, server string) []Finding {
	with := values{"version": version, "server": server}
	finding := Finding{What: "nats-server is " + version, Do: "upgrade the servers, one after another", Values: with}
	switch {
	case olderThan(version, 2, 10, 23):
		finding.Severity, finding.Why = Danger, "it can lose what it has acknowledged when its process is killed"
	case olderThan(version, 2, 14, 5):
		finding.Severity, finding.Why = Warning, "fixes to its file store are missing that came with 2.14.5"
	default:
		return good(with, "nats-server %s", version)
	}
	return []Finding{finding}
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
