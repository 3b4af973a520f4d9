package audit_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func action(name string) audit.Action {
	return audit.Action{Who: "ada", Role: "operator", Address: "192.0.2.1", Action: name, Target: "relay host:123", Reason: "upgrade", Form: map[string]string{"row": "1"}}
}

// An entry is there before the action is done, shows how far it is, and is completed once.
func TestEntry(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	log := audit.New(pool)
	id, err := log.Begin(t.Context(), action("relay.pause"))
	require.NoError(t, err)
	begun, err := log.Get(t.Context(), id)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), begun.BeganAt, time.Minute)
	require.Equal(t, audit.Entry{
		ID: id, BeganAt: begun.BeganAt, Who: "ada", Role: "operator", Address: "192.0.2.1", Action: "relay.pause", Target: "relay host:123", Reason: "upgrade",
		Form: map[string]string{"row": "1"}, Outcome: audit.Begun, Results: []audit.Result{},
	}, begun)

	one, two := audit.Result{What: "one", Outcome: audit.Done}, audit.Result{What: "two", Outcome: audit.Failed, Detail: "no \x00room\xff"}
	require.NoError(t, log.Tell(t.Context(), id, one))
	require.NoError(t, log.Tell(t.Context(), id, two))
	require.NoError(t, log.Tell(t.Context(), id))
	told, err := log.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, []string{told.Results[0].What, told.Results[1].What})

	for i := range 3 {
		require.NoError(t, log.Tell(t.Context(), id, audit.Result{What: "so far", Outcome: audit.Pending, Detail: strconv.Itoa(i)}))
	}
	told, err = log.Get(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, told.Results, 3, "what is pending is replaced")
	require.Equal(t, audit.Result{What: "so far", Outcome: audit.Pending, Detail: "2"}, told.Results[2])

	outcome, err := log.End(t.Context(), id, []audit.Result{one, two}, errors.New("it ended\nearly"))
	require.NoError(t, err)
	require.Equal(t, audit.Partial, outcome)
	ended, err := log.Get(t.Context(), id)
	require.NoError(t, err)
	require.NotNil(t, ended.EndedAt)
	require.Equal(t, audit.Partial, ended.Outcome)
	require.Equal(t, "it ended early", ended.Error)
	require.Len(t, ended.Results, 2)

	_, err = log.End(t.Context(), id, nil, nil)
	require.NoError(t, err)
	require.NoError(t, log.Tell(t.Context(), id, one))
	again, err := log.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, ended, again, "what has ended stays as it has ended")

	_, err = log.Get(t.Context(), id+1)
	require.ErrorIs(t, err, audit.ErrNotFound)
	_, err = log.Begin(t.Context(), audit.Action{Who: "ada"})
	require.ErrorContains(t, err, "Who and Action are required")
}

func TestJudge(t *testing.T) {
	t.Parallel()
	with := func(outcomes ...audit.Outcome) (results []audit.Result) {
		for _, outcome := range outcomes {
			results = append(results, audit.Result{Outcome: outcome})
		}
		return results
	}
	failure := errors.New("no")
	for _, c := range []struct {
		results []audit.Result
		err     error
		want    audit.Outcome
	}{
		{nil, nil, audit.Done},
		{nil, failure, audit.Failed},
		{with(audit.Done, audit.Pending), nil, audit.Done},
		{with(audit.Done), failure, audit.Partial},
		{with(audit.Done, audit.Refused), nil, audit.Partial},
		{with(audit.Refused, audit.Refused), nil, audit.Refused},
		{with(audit.Refused), failure, audit.Failed},
		{with(audit.Failed, audit.Refused), nil, audit.Failed},
		{with(audit.Failed), nil, audit.Failed},
	} {
		require.Equal(t, c.want, audit.Judge(c.results, c.err), "%v %v", c.results, c.err)
	}
}

// Of very many results those are kept that somebody has to look after.
func TestManyResults(t *testing.T) {
	t.Parallel()
	log := audit.New(pgtest.New(t))
	id, err := log.Begin(t.Context(), action("letters.requeue"))
	require.NoError(t, err)
	results := make([]audit.Result, 10_000)
	for i := range results {
		results[i] = audit.Result{What: fmt.Sprintf("letter %d", i), Outcome: audit.Done}
	}
	results[9_999].Outcome = audit.Failed
	_, err = log.End(t.Context(), id, results, nil)
	require.NoError(t, err)
	entry, err := log.Get(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, entry.Results, audit.MostResults+1)
	require.Equal(t, results[9_999], entry.Results[0])
	require.Equal(t, audit.Result{What: "8000 more", Outcome: audit.Done, Detail: "not kept one by one"}, entry.Results[audit.MostResults])
}

// The list is read by key, in both directions, and what the filter says narrows it down.
func TestList(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	log := audit.New(pool)
	for n := range 6 {
		one := action([]string{"relay.pause", "relay.resume", "letters.requeue"}[n%3])
		one.Who = []string{"ada", "bob"}[n%2]
		id, err := log.Begin(t.Context(), one)
		require.NoError(t, err)
		if n > 3 {
			_, err = log.End(t.Context(), id, nil, nil)
			require.NoError(t, err)
		}
	}
	_, err := pool.Exec(t.Context(), `UPDATE contrail.audit SET began_at = timestamptz '2026-01-01 00:00Z' + id * interval '1 hour'`)
	require.NoError(t, err)
	at := func(hour int) time.Time { return time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		filter audit.Filter
		want   string
	}{
		"all": {audit.Filter{}, "[6 5 4 3 2 1]"}, "first": {audit.Filter{Limit: 2}, "[6 5]"}, "older": {audit.Filter{Limit: 2, Before: 5}, "[4 3]"},
		"newer": {audit.Filter{Limit: 2, After: 2}, "[4 3]"}, "who": {audit.Filter{Who: "bob"}, "[6 4 2]"}, "action": {audit.Filter{Action: "relay.pause"}, "[4 1]"},
		"actions": {audit.Filter{Action: "relay."}, "[5 4 2 1]"}, "outcome": {audit.Filter{Outcome: audit.Done}, "[6 5]"},
		"time": {audit.Filter{From: at(2), To: at(4)}, "[3 2]"}, "several": {audit.Filter{Who: "ada", Action: "relay.", Before: 5}, "[1]"}, "none": {audit.Filter{Who: "eve"}, "[]"},
	} {
		found, err := log.List(t.Context(), c.filter)
		require.NoError(t, err, name)
		ids := []int64{}
		for _, entry := range found {
			ids = append(ids, entry.ID)
			require.Nil(t, entry.Results)
		}
		require.Equal(t, c.want, fmt.Sprint(ids), name)
	}
	_, err = log.List(t.Context(), audit.Filter{Who: "\x00", Action: "\xff", Outcome: "fine", Before: -1, After: -1, Limit: 501})
	for _, field := range []string{"Who", "Action", "Outcome", "Before", "After", "Limit"} {
		require.ErrorContains(t, err, "audit.Filter: "+field)
	}
	_, err = log.List(t.Context(), audit.Filter{Before: 1, After: 1})
	require.ErrorContains(t, err, "which go two ways")
}

// What is written is bounded, and holds no secret that is easy to tell.
func TestTexts(t *testing.T) {
	t.Parallel()
	log := audit.New(pgtest.New(t))
	one := action("webhook.add")
	one.Reason = strings.Repeat("x", 1<<20)
	one.Form = map[string]string{"url": "https://ada:hush@example.com/", "note": "password=hush"}
	id, err := log.Begin(t.Context(), one)
	require.NoError(t, err)
	entry, err := log.Get(t.Context(), id)
	require.NoError(t, err)
	require.LessOrEqual(t, len(entry.Reason), 1024)
	require.NotContains(t, fmt.Sprint(entry.Form), "hush")
}
