package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
)

// In a terminal no line is wider than it; columns stay where they are as rows come, unless one needs more.
func TestTableInATerminal(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	printer := newApp(globals{LogLevel: "auto"}, "events list", &stdout, nil).newEventsPrinter(false)
	printer.table.limit = 80
	event := contrail.Recorded{
		Position: 7, Stream: contrail.NewStreamID("invoice", "42"), Version: 3, Type: "InvoiceIssued",
		Data: json.RawMessage(`{"text":"` + strings.Repeat("é", 1000) + `"}`), RecordedAt: time.Date(2026, 11, 21, 20, 15, 4, 0, time.UTC),
	}
	for _, position := range []contrail.Position{7, 1234567890, 8} {
		event.Position = position
		require.NoError(t, printer.print(event))
		require.NoError(t, printer.flush())
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	require.Len(t, lines, 4)
	require.Equal(t, `POSITION  TIME                      STREAM@VERSION  TYPE           DATA`, lines[0])
	require.Equal(t, `       7  2026-11-21T20:15:04.000Z  invoice-42@3    InvoiceIssued  {"text":"ééé…`, lines[1])
	require.Equal(t, `         8  2026-11-21T20:15:04.000Z  invoice-42@3    InvoiceIssued  {"text":"é…`, lines[3])
	for _, line := range lines[1:] {
		require.Equal(t, 80, columnsOf(line), line)
	}
}

// What an event says is shown, and never done by the terminal.
func TestTablesAreHarmless(t *testing.T) {
	t.Parallel()
	event := contrail.Recorded{
		Stream: contrail.NewStreamID("a", "1"), Type: "A", Data: json.RawMessage("{\"x\":\"\u009b31m\u202e\"}"),
		Metadata: contrail.Metadata{"user_id": "ada\n\x1b[31m"},
	}
	var stdout bytes.Buffer
	a := newApp(globals{LogLevel: "auto"}, "events show", &stdout, nil)
	printer := a.newEventsPrinter(false)
	require.NoError(t, printer.print(event))
	require.NoError(t, printer.flush())
	a.printPairs(eventRows(event))
	a.printf("%s\n", indented(event))
	require.NotContains(t, stdout.String(), "\x1b")
	require.NotContains(t, stdout.String(), "\u009b")
	require.NotContains(t, stdout.String(), "\u202e")
	require.Contains(t, stdout.String(), `ada \u001b[31m`)
	require.Contains(t, stdout.String(), "{\n  \"x\": \"\\u009b31m\\u202e\"\n}")
}

func TestMoments(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 20, 15, 4, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00Z":      time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00+02:00": time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		"90s":                       now.Add(-90 * time.Second),
		"2h ago":                    now.Add(-2 * time.Hour),
		"7d":                        now.AddDate(0, 0, -7),
		"0s":                        now,
	} {
		at, err := moment("--since", text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(at), "%s: %s", text, at)
	}
	for _, text := range []string{"yesterday", "-2h", "2", "d", "-1d", "1.5d", "99999999999d", "2026-02-30", "20:15", "ago"} {
		_, err := moment("--since", text, now)
		var wrong usageError
		require.ErrorAs(t, err, &wrong, text)
		require.ErrorContains(t, err, `--since is "`+text+`"; give a time`)
	}
}
