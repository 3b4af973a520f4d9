package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// guests are what a stranger may write into a cell: wide, combining and right-to-left letters, and what a terminal would do.
func guests() [][]string {
	return [][]string{
		{"1", "2026-11-21T20:15:04.000Z", "enabled", "請求書を送付しました。お支払いをお願いいたします。", "日本語のとても長い説明文がここにあります"},
		{"22", "2026-11-21T20:15:04.000Z", "disabled", "cafe\u0301 au lait, s\u0327il vous plai\u0302t, encore une fois et encore", "שלום עולם, זה טקסט ארוך מאוד שנכתב מימין לשמאל"},
		{"333", "2026-11-21T20:15:04.000Z", "enabled", "\x1b[2J\x1b]0;owned\x07 \u009b31m", "a\rb\u202ec\u2066d\x00e"},
		{"4", "2026-11-21T20:15:04.000Z", "-", "👩‍👩‍👧‍👦 family", ""},
	}
}

func guestTable(columns int) string {
	t := &table{title: []string{"ID", "TIME", "STATE", "DESCRIPTION", "ERROR"}, right: []int{0}, limit: columns, bold: func(text string) string { return text }}
	return t.text(guests())
}

// No line is wider than the terminal, titles are there, identity stays whole, and nothing in it is done by the terminal.
func TestTablesFit(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{40, 80, 120, 200} {
		text := guestTable(columns)
		for line := range strings.Lines(text) {
			require.LessOrEqual(t, columnsOf(strings.TrimSuffix(line, "\n")), columns, line)
		}
		for _, title := range []string{"ID", "TIME", "STATE", "DESCRIPTION", "ERROR"} {
			require.Contains(t, text, title, columns)
		}
		require.Contains(t, text, "333")
		require.Contains(t, text, "2026-11-21T20:15:04.000Z")
		require.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return r != '\n' && hidden(r) }), columns)
		require.Equal(t, -1, strings.IndexFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }), columns)
	}
}

func TestTableAtEachWidth(t *testing.T) {
	t.Parallel()
	lines := strings.Split(guestTable(200), "\n")
	require.Equal(t, ` ID  TIME                      STATE     DESCRIPTION                                              ERROR`, lines[0])
	require.NotContains(t, guestTable(200), "…", "there is room for all")
	require.Contains(t, guestTable(200), `\u001b[2J\u001b]0;owned\u0007 \u009b31m`)
	require.Contains(t, guestTable(200), `a b\u202ec\u2066d\u0000e`)

	lines = strings.Split(guestTable(80), "\n")
	require.Equal(t, ` ID  TIME                      STATE     DESCRIPTION               ERROR`, lines[0])
	require.Equal(t, `  1  2026-11-21T20:15:04.000Z  enabled   請求書を送付しました。…   日本語のとて…`, lines[1])

	lines = strings.Split(guestTable(40), "\n")
	require.Equal(t, []string{
		"ID           1",
		"TIME         2026-11-21T20:15:04.000Z",
		"STATE        enabled",
		"DESCRIPTION  請求書を送付しました。お支",
		"             払いをお願いいたします。",
		"ERROR        日本語のとても長い説明文が",
		"             ここにあります",
		"",
	}, lines[:8], "rows that don't fit are told in pairs, uncut")
	require.Equal(t, guestTable(0), guestTable(1000), "what is piped is never cut")
}

// Rows that come later stand below those that came before.
func TestTableGrows(t *testing.T) {
	t.Parallel()
	rising := &table{title: []string{"n", "text"}, right: []int{0}, bold: func(text string) string { return text }}
	require.Equal(t, "  n  text\n 10  a\n", " "+strings.ReplaceAll(rising.text([][]string{{"10", "a"}}), "\n10", "\n 10"))
	require.Equal(t, "  7  b\n", rising.text([][]string{{"  7", "b"}}))
	require.Equal(t, "100  c\n", rising.text([][]string{{"100", "c"}}))
}

func TestPairsWrap(t *testing.T) {
	t.Parallel()
	rows := [][]string{{"state", "halted"}, {"last error", "step charge: the card was refused since it is over its limit"}}
	require.Equal(t, "state       halted\nlast error  step charge: the card was refused since it is over its limit\n", pairsText(rows, 0))
	require.Equal(t, "state       halted\nlast error  step charge: the card was\n            refused since it is over its\n            limit\n", pairsText(rows, 40))
	require.Equal(t, "state\n  halted\nlast error\n  step charge: the card\n  was refused since it\n  is over its limit\n", pairsText(rows, 24))
}

func TestColours(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		flag, noColor, force, kind string
		terminal, want             bool
	}{
		{"auto", "", "", "xterm", true, true},
		{"auto", "", "", "xterm", false, false},
		{"auto", "", "", "dumb", true, false},
		{"auto", "", "1", "xterm", false, true},
		{"auto", "", "0", "xterm", false, false},
		{"auto", "1", "", "xterm", true, false},
		{"auto", "1", "1", "xterm", true, false},
		{"always", "1", "", "dumb", false, true},
		{"never", "", "1", "xterm", true, false},
	} {
		variables := map[string]string{"NO_COLOR": test.noColor, "CLICOLOR_FORCE": test.force, "TERM": test.kind}
		require.Equal(t, test.want, wantsColour(test.flag, func(name string) string { return variables[name] }, test.terminal), test)
	}
}

// Colours are ours alone: those that a value brings along are shown as what they are.
func TestForeignColours(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	a := newApp(globals{Color: "always"}, "status", &stdout, nil)
	a.printTable([][]string{{"state", "error"}, {a.paint(red, "failed"), "\x1b[2J" + "gone"}, {"waiting", "-"}})
	require.Equal(t, "\x1b[1mstate    error\x1b[0m\n\x1b[31mfailed\x1b[0m   \\u001b[2Jgone\nwaiting  -\n", stdout.String())
	stdout.Reset()
	a.printf("%s %s\n", a.paint(green, "OK"), "\x1b[5mblink\x1b]0;title\a")
	require.Equal(t, "\x1b[32mOK\x1b[0m \\u001b[5mblink\\u001b]0;title\\u0007\n", stdout.String())
	stdout.Reset()
	require.NoError(t, a.printJSON(map[string]string{"x": "\u009b2J\u202e\x1b"}))
	require.Contains(t, stdout.String(), `"\u009b2J\u202e\u001b"`)
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"relay", "relays", "rebuild", "events", "verify", "database-url"}
	for written, want := range map[string]string{"raley": "relay", "event": "events", "vrify": "verify", "database_url": "database-url", "xyzzy": "", "relais": "relays"} {
		require.Equal(t, want, nearest(written, names), written)
	}
}
