package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/publisher"
)

func TestSentences(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"one; two":                               errors.Join(errors.New("one"), errors.New("two")),
		"interrupted before it was done":         fmt.Errorf("read: %w", context.Canceled),
		"dial postgres://…@db:5432/app: refused": errors.New("dial postgres://app:hunter2@db:5432/app: refused"),
		"dial postgres://…@db/app: gone":         errors.New("dial postgres://app:hunter2@unter2@db/app: gone"),
		"dial nats://…@a:4222,nats://…@b:4222":   errors.New("dial nats://token@a:4222,nats://u:p@b:4222"),
		"cannot parse `host=db password=…`":      errors.New("cannot parse `host=db password=hunter2`"),
		"cannot parse password=… port=x":         errors.New("cannot parse password='hunter 2' port=x"),
	} {
		require.Equal(t, want, sentence(err))
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		code int
		text string
	}{
		{nil, 0, ""},
		{errNotSo, 1, ""},
		{errors.New("relay: it rains"), 1, "contrail relay: it rains\n"},
		{fmt.Errorf("so: %w", usagef("--wait is %d", -1)), 2, "contrail relay: so: --wait is -1\n"},
	} {
		var stderr bytes.Buffer
		require.Equal(t, test.code, complain(&stderr, "relay", test.err))
		require.Equal(t, test.text, stderr.String())
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	require.Equal(t, "OK: the stream holds all 1,234,567 events, each once and in order.", verdict("EVENTS", publisher.Report{Events: 1234567, OK: true}))
	require.Equal(t, "NOT OK: of 1 event, the stream holds 0; 1 missing from the stream, 2 there more than once, 3 out of order, 4 not of this database.",
		verdict("EVENTS", publisher.Report{Events: 1, MissingTotal: 1, DuplicatesTotal: 2, OutOfOrder: 3, Foreign: 4}))
	var stdout bytes.Buffer
	a := newApp(globals{LogLevel: "auto"}, "verify", &stdout, nil)
	a.printPositions("missing", []contrail.Position{7, 9}, 2)
	require.Equal(t, "  missing: positions 7, 9\n", stdout.String())
}

func TestOutputThatCanNotBeWritten(t *testing.T) {
	t.Parallel()
	a := newApp(globals{LogLevel: "auto"}, "verify", brokenPipe{}, nil)
	require.ErrorIs(t, a.told(errNotSo), errNotSo)
	a.printf("one\n")
	a.printf("two\n")
	require.EqualError(t, a.told(nil), "write the result: broken pipe")
	require.EqualError(t, a.told(errNotSo), "write the result: broken pipe", "it was not told")
	require.ErrorIs(t, a.told(errInterrupted), errInterrupted)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestNumbersAgree(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, tooLate(time.Minute, 1, "relayed"), "after 1m0s, 1 event is not relayed yet; ")
	require.ErrorContains(t, tooLate(time.Minute, 2, "relayed"), "after 1m0s, 2 events are not relayed yet; ")
	input := invoicing.Input{Rejected: make(invoicing.LineErrors, 1)}
	require.EqualError(t, rejection(input, "so"), "1 of 1 line was rejected; so: correct the input")
	input.Invoices = make([]invoicing.Invoice, 1234)
	require.EqualError(t, rejection(input, "so"), "1 of 1,235 lines was rejected; so: correct the input")
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		verb, level string
		quiet       bool
		verbose     int
		least       slog.Level
	}{
		{"relay", "auto", false, 0, slog.LevelInfo},
		{"subscribe", "auto", false, 0, slog.LevelInfo},
		{"demo", "auto", false, 0, slog.LevelWarn},
		{"relay", "error", false, 2, slog.LevelError},
		{"demo", "debug", true, 0, slog.LevelDebug},
		{"relay", "auto", true, 0, slog.LevelError},
		{"relay", "auto", false, 1, slog.LevelDebug},
		{"status", "auto", true, 1, slog.LevelDebug},
	} {
		logger := newLogger(globals{LogLevel: test.level, LogFormat: "json", Quiet: test.quiet, Verbose: test.verbose}, test.verb, &bytes.Buffer{})
		require.True(t, logger.Enabled(t.Context(), test.least))
		require.False(t, logger.Enabled(t.Context(), test.least-1))
	}
}

func TestScratchDatabaseInEitherForm(t *testing.T) {
	t.Parallel()
	require.Equal(t, "postgres://u:p@h:1/x?sslmode=disable", inDatabase("postgres://u:p@h:1/app?dbname=other&sslmode=disable", "x"))
	require.Equal(t, "postgresql://h/x", inDatabase("postgresql://h", "x"))
	require.Equal(t, "host=h dbname=app dbname=x", inDatabase("host=h dbname=app", "x"))
	require.Equal(t, `'it'\''s'`, quote("it's"))
}

func TestBuilds(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}}}
	require.Equal(t, "v1.2.3", describeBuild("dev", info).Version)
	require.Equal(t, "abc", describeBuild("dev", info).Commit)
	require.Equal(t, "v9", describeBuild("v9", info).Version, "what -ldflags says counts")
	info.Main.Version = "(devel)"
	require.Equal(t, "dev", describeBuild("dev", info).Version)
	require.Equal(t, "dev", describeBuild("dev", nil).Version)
}

// What a role may not do is told with the way to the roles, and with the server's own words.
func TestToldNamesTheRoles(t *testing.T) {
	t.Parallel()
	a := newApp(globals{}, "drain", io.Discard, io.Discard)
	refused := &pgconn.PgError{Severity: "ERROR", Code: "42501", Message: "permission denied for table events"}
	require.EqualError(t, a.told(fmt.Errorf("look: %w", refused)),
		"look: ERROR: permission denied for table events (SQLSTATE 42501); contrail migrate roles --print shows which role may do that")
	require.NoError(t, a.told(nil))
}
