package doctor

import (
	"context"
	"fmt"
	"time"
)

const muchSkew = 5 // times the limit

func checkDatabaseClock(ctx context.Context, d *Doctor) ([]Finding, error) {
	var there time.Time
	before := d.config.Now()
	if err := d.pool.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&there); err != nil {
		return nil, fmt.Errorf("ask for the database's time: %w", err)
	}
	return d.skewed("database", there, before, "what is due, and how old events and heartbeats are, goes by the database's clock"), nil
}

func checkBrokerClock(ctx context.Context, d *Doctor) ([]Finding, error) {
	if _, err := d.streamInfo(ctx, d.config.Stream); err != nil { // and whatever the first question takes
		return nil, err
	}
	before := d.config.Now()
	info, err := d.streamInfo(ctx, d.config.Stream)
	if err != nil {
		return nil, err
	}
	return d.skewed("broker", info.TimeStamp, before, "subscribers compare times of the broker with their own: advisories on lost events may be taken for old ones"), nil
}

// skewed compares a time that a server told with ours from before it was asked until now: in between it agrees.
func (d *Doctor) skewed(server string, there, before time.Time, why string) []Finding {
	after := d.config.Now()
	ahead := max(there.Sub(after), 0)
	if behind := before.Sub(there); behind > 0 {
		ahead = -behind
	}
	limit := d.config.Limits.Skew
	with := values{"ahead_seconds": ahead.Seconds()}
	severity := graded(ahead.Abs(), limit, muchSkew*limit)
	if severity == OK {
		return good(with, "the clocks of the %s and of this machine agree", server)
	}
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	return []Finding{{
		Severity: severity, What: fmt.Sprintf("the clock of the %s is %s %s that of this machine", server, ahead.Abs().Round(time.Millisecond), word), Why: why,
		Do: "have a time service (chrony, systemd-timesyncd) set the clocks of both", Values: with,
	}}
}
