package jsonb_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail/internal/jsonb"
	"github.com/contrail-events/contrail/internal/pgtest"
)

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// hard texts are near the edge of what JSON, or jsonb, is.
func hard() []string {
	return []string{
		``, ` `, `x`, `null`, `true`, `{"a":1,}`, `{"a":1} 2`, `"a`, "\xef\xbb\xbf{}", "\"\xff\"", "\"\x00\"", `01`, `+1`, `.5`, `1.`, `-`, `-0`,
		`"\u0000"`, `"\\u0000"`, `"\\\u0000"`, `{"\u0000":1}`, `"a\u00e4b"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83d\ud83d\ude00"`, `"\ud83d\\ude00"`, `"\ud83dx"`,
		`"\uD83D\uDE00\ud83d"`, `["\ud83d", "\ude00"]`, `"\ud83d\n\ude00"`, `"\n\u00e4\\"`,
		`1e131071`, `-9.99E+131071`, `1e131072`, `10e131071`, `0e200000`, `1e-16383`, `1e-16384`, `0.1e-16383`, `1e99999999999999999999`, `1e-99999999999999999999`,
		strings.Repeat("9", 131072), strings.Repeat("9", 131073), "0." + strings.Repeat("1", 16383), "0." + strings.Repeat("1", 16384),
		nested(10000), nested(10001), strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000),
		`[1,2,3]`, `{"a":1,"b":[true,false]}`, `"a,b:c\"e5"`, `"\\"`, `1e9`, `-1.5E+3`, `1e-7`, `[1e100,{"e":1e1}]`, `"é\u00e9\u2028/\/"`,
	}
}

// What is fit PostgreSQL takes, and makes no more of it than StoredSize says.
func TestPostgreSQLTakesWhatIsFit(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, text := range hard() {
		compare(t, pool, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		text, err := json.Marshal(rapid.MapOf(rapid.StringMatching(`[a-z"\\,:é]{0,5}`), rapid.SliceOf(rapid.Float64Range(-1e30, 1e30))).Draw(t, "data"))
		require.NoError(t, err)
		compare(t, pool, string(text))
	})
}

// Nor does it take much else: a zero with a large exponent, and what encoding/json finds too deep.
func TestPostgreSQLRefusesWhatIsUnfit(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	for _, text := range hard() {
		_, err := pool.Exec(t.Context(), `SELECT $1::text::jsonb`, text)
		stricter := text == "0e200000" || text == nested(10001)
		require.Equal(t, stricter, jsonb.Unfit([]byte(text)) != "" && err == nil, "%.40q: %v", text, err)
	}
}

// A number whose exponent is out of all bounds must not make the sum small again, nor need it be fit to be asked for.
func TestStoredSizeDoesNotOverflow(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`1e99999999999999999999`, `[1e-99999999999999999999,1E+9223372036854775807]`} {
		require.Greater(t, jsonb.StoredSize([]byte(text)), 1<<20, text)
	}
}

// FuzzUnfit compares with PostgreSQL.
func FuzzUnfit(f *testing.F) {
	for _, text := range hard() {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	pool := pgtest.New(f)
	f.Fuzz(func(t *testing.T, text string) { compare(t, pool, text) })
}

func compare(tb require.TestingT, pool *pgxpool.Pool, text string) {
	if jsonb.Unfit([]byte(text)) != "" {
		return
	}
	var size int
	require.NoError(tb, pool.QueryRow(context.Background(), `SELECT octet_length($1::jsonb::text)`, text).Scan(&size), "%.100q", text)
	require.LessOrEqual(tb, size, jsonb.StoredSize([]byte(text)), "%.100q", text)
}
