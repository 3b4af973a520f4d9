package doctor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/doctor"
)

func TestNewNamesEveryFaultyField(t *testing.T) {
	t.Parallel()
	_, err := doctor.New(nil, nil, doctor.Config{
		Stream: "a b", DeadLetters: "a.b", Prefix: "a.*", Fence: 7, Monitor: "localhost", Only: []string{"health"}, Timeout: -1,
		Limits: doctor.Limits{Appender: -1, Full: 0.99},
	})
	for _, field := range []string{"Stream", "DeadLetters", "Prefix", "Fence", "Monitor", "health", "Timeout", "Limits.Appender", "Limits.Full"} {
		require.ErrorContains(t, err, field)
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	order := []doctor.Severity{doctor.OK, doctor.Note, doctor.Warning, doctor.Danger}
	for i, severity := range order {
		for j, other := range order {
			require.Equal(t, i >= j, severity.AtLeast(other))
		}
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	require.Equal(t, doctor.Danger, doctor.PostgresFinding(130018, "13.18")[0].Severity)
	require.Equal(t, doctor.OK, doctor.PostgresFinding(140000, "14.0")[0].Severity)
	for version, severity := range map[string]doctor.Severity{
		"2.10.22": doctor.Danger, "2.9.0": doctor.Danger, "2.10.23": doctor.Warning, "2.14.4": doctor.Warning, "2.14.4-RC.1": doctor.Warning,
		"2.14.5": doctor.OK, "2.15.2": doctor.OK, "3.0.0": doctor.OK, "next": doctor.OK,
	} {
		require.Equal(t, severity, doctor.NATSFinding(version, "")[0].Severity, version)
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b             string
		covers, overlaps bool
	}{
		{">", "events.>", true, true},
		{"events.>", "events.a.b", true, true},
		{"events.>", "events", false, false},
		{"events.*", "events.a", true, true},
		{"events.*", "events.>", false, true},
		{"events.a", "events.*", false, true},
		{"events.a", "events.b", false, false},
		{"$JS.ACK.EVENTS.>", "$JS.ACK.*.*.EVENTS.>", false, true},
		{"$JS.ACK.>", "$JS.ACK.*.*.EVENTS.>", true, true},
	} {
		require.Equal(t, c.covers, doctor.Covers(c.a, c.b), "%s covers %s", c.a, c.b)
		require.Equal(t, c.overlaps, doctor.Overlaps(c.a, c.b), "%s overlaps %s", c.a, c.b)
		require.Equal(t, c.overlaps, doctor.Overlaps(c.b, c.a), "%s overlaps %s", c.b, c.a)
	}
}

func TestBytesText(t *testing.T) {
	t.Parallel()
	for n, text := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 3 << 19: "1.5 MiB", 1 << 62: "4.0 EiB"} {
		require.Equal(t, text, doctor.BytesText(n))
	}
}

// A check that gets no answer is a note after its time, and keeps no other from being made.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(context.WithoutCancel(t.Context()))
	_, err = tx.Exec(t.Context(), `LOCK TABLE contrail.parked IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	examiner, err := doctor.New(w.pool, w.js, doctor.Config{Only: []string{"parked", "broker"}, Timeout: 2 * time.Second})
	require.NoError(t, err)
	findings, err := examiner.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, findings, 2)
	require.Equal(t, doctor.Finding{Check: "parked", Severity: doctor.Note, What: "not examined: no answer within 2s", Do: "look what keeps the server busy, or give it more time"}, findings[0])
	require.Equal(t, doctor.OK, findings[1].Severity, "%+v", findings[1])
}

// With neither server every check is a note, or says why there is none.
func TestNoServers(t *testing.T) {
	t.Parallel()
	examiner, err := doctor.New(nil, nil, doctor.Config{NoBroker: errors.New("connection refused")})
	require.NoError(t, err)
	findings, err := examiner.Run(t.Context())
	require.NoError(t, err)
	require.Len(t, findings, len(doctor.Checks()))
	for _, finding := range findings {
		if finding.Check == "broker" {
			require.Equal(t, doctor.Danger, finding.Severity)
			continue
		}
		require.Equal(t, doctor.Note, finding.Severity, "%+v", finding)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	examiner, err := doctor.New(nil, nil, doctor.Config{})
	require.NoError(t, err)
	_, err = examiner.Run(ctx)
	require.ErrorIs(t, err, stop)
}
