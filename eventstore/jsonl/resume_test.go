package jsonl_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore/jsonl"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// However often it is broken off, by its input, by ctx or by the loss of its connection, each line is taken once. Lines without ids or versions
// would be taken twice without anybody noticing.
func TestResumeIsExactlyOnce(t *testing.T) {
	t.Parallel()
	const lines = 500
	text := counted(lines)
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 0))
		pool := pgtest.New(t)
		breaks, last := 0, jsonl.Result{}
		for done := false; !done; {
			config := jsonl.Config{Resume: true, Name: "x", Batch: 1 + random.IntN(40)}
			result, err := brokenOff(t, pool, text, config, random)
			require.GreaterOrEqual(t, result.Lines, last.Lines)
			last, done = result, err == nil
			breaks++
			var faulty *jsonl.LineError
			require.NotErrorAs(t, err, &faulty)
		}
		requireCounted(t, pool, lines)
		require.EqualValues(t, lines, last.Lines)
		t.Logf("broken off %d times", breaks-1)
		again, err := importText(t, pool, text, jsonl.Config{Resume: true, Name: "x"})
		require.NoError(t, err)
		require.Equal(t, jsonl.Result{Lines: lines, Bytes: int64(len(text)), Skipped: lines}, again)
		requireCounted(t, pool, lines)
	}
}

// brokenOff imports, and breaks it off in one way or another, mostly.
func brokenOff(t *testing.T, pool *pgxpool.Pool, text string, config jsonl.Config, random *rand.Rand) (jsonl.Result, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var input io.Reader = strings.NewReader(text)
	switch random.IntN(4) {
	case 0:
		broken := iotest.ErrReader(errors.New("broken off"))
		input = io.MultiReader(io.LimitReader(input, random.Int64N(int64(len(text)))), broken)
	case 1:
		end := random.IntN(10)
		config.Progress = func(jsonl.Result) {
			if end--; end < 0 {
				cancel()
			}
		}
	case 2, 3:
		killed := make(chan struct{})
		defer func() { cancel(); <-killed }()
		go func() {
			defer close(killed)
			for dead := false; !dead && ctx.Err() == nil; {
				_ = pool.QueryRow(ctx, `SELECT coalesce(bool_or(pg_terminate_backend(pid)), false) FROM pg_stat_activity
					WHERE datname = current_database() AND query LIKE 'COPY%'`).Scan(&dead) // or ctx has ended
			}
		}()
	}
	return jsonl.Import(ctx, pool, input, config)
}

// An input from which nothing comes does not keep an import from ending.
func TestResumeOfAnInputThatBlocks(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	config := jsonl.Config{Resume: true, Name: "x"}
	_, err := importText(t, pool, counted(3), config)
	require.NoError(t, err)
	blocked, writer := io.Pipe()
	defer func() { require.NoError(t, writer.Close()) }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(writer, "{") // it is being read
		cancel()
	}()
	result, err := jsonl.Import(ctx, pool, blocked, config)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 3, result.Lines)
}

// Between two batches others may append to a stream of the import.
func TestResumeBesideOthers(t *testing.T) {
	t.Parallel()
	for _, third := range []string{`{"stream":"a-1","type":"A","data":3}`, `{"stream":"a-1","type":"A","data":3,"version":4}`} {
		pool := pgtest.New(t)
		config := jsonl.Config{Resume: true, Name: "x", Batch: 2, Progress: func(result jsonl.Result) {
			if result.Lines == 2 {
				_, err := pool.Exec(t.Context(), `INSERT INTO contrail.events (stream, version, type, data) VALUES ('a-1', 3, 'Rival', '0')`)
				require.NoError(t, err)
			}
		}}
		_, err := importText(t, pool, `{"stream":"a-1","type":"A","data":1}
			{"stream":"a-1","type":"A","data":2,"version":2}
			`+third+`
			{"stream":"a-1","type":"A","data":4,"version":5}`, config)
		require.NoError(t, err)
		var said []string
		for n, event := range stored(t, pool) {
			require.EqualValues(t, n+1, event.Version)
			said = append(said, string(event.Data))
		}
		require.Equal(t, []string{"1", "2", "0", "3", "4"}, said)
	}
}

// What was committed stays; a corrected line goes on.
func TestResumeBehindACorrectedLine(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	lines := strings.SplitAfter(counted(10), "\n")
	bad := strings.Join(lines[:7], "") + "{}\n" + strings.Join(lines[8:], "")
	config := jsonl.Config{Resume: true, Name: "x", Batch: 5}
	result, err := importText(t, pool, bad, config)
	var faulty *jsonl.LineError
	require.ErrorAs(t, err, &faulty)
	require.EqualValues(t, 8, faulty.Line)
	require.EqualValues(t, 7, result.Lines)
	require.EqualValues(t, 7, result.Events)
	_, err = importText(t, pool, bad, config)
	require.ErrorAs(t, err, &faulty)
	require.EqualValues(t, 8, faulty.Line)
	result, err = importText(t, pool, strings.Join(lines, ""), config)
	require.NoError(t, err)
	require.EqualValues(t, 7, result.Skipped)
	require.EqualValues(t, 3, result.Events)
	requireCounted(t, pool, 10)
}

// An input may grow, also where its last line had no line break.
func TestResumeOfAnInputThatGrows(t *testing.T) {
	t.Parallel()
	for _, lineBreak := range []string{"\n", "\r\n"} {
		pool := pgtest.New(t)
		config := jsonl.Config{Resume: true, Name: "x"}
		text := ""
		for n := 1; n <= 4; n++ {
			text = strings.TrimSpace(strings.ReplaceAll(counted(n), "\n", lineBreak))
			result, err := importText(t, pool, text, config)
			require.NoError(t, err)
			require.EqualValues(t, n, result.Lines)
			require.EqualValues(t, 1, result.Events)
		}
		result, err := importText(t, pool, text+lineBreak, config)
		require.NoError(t, err)
		require.EqualValues(t, 4, result.Lines)
		_, err = importText(t, pool, text+lineBreak+"{", config)
		require.ErrorContains(t, err, "line 5: ")
		requireCounted(t, pool, 4)
	}
}

func TestResumeRefusesAnotherInput(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	config := jsonl.Config{Resume: true, Name: "x"}
	_, err := importText(t, pool, strings.TrimSpace(counted(3)), config)
	require.NoError(t, err)
	for other, want := range map[string]string{
		"":         "it has less than the",
		counted(2): "it has less than the",
		strings.Replace(counted(4), `"n":0`, `"n":7`, 1): "bytes are others",
	} {
		_, err = importText(t, pool, other, config)
		require.ErrorIs(t, err, jsonl.ErrOtherInput)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "another name")
	}
	_, err = importText(t, pool, strings.TrimSpace(counted(3))+"x\n", config)
	require.ErrorContains(t, err, `line 3: text "x" has come behind`)
	_, err = jsonl.Import(t.Context(), pool, iotest.ErrReader(io.ErrClosedPipe), config)
	require.ErrorIs(t, err, io.ErrClosedPipe)
	requireCounted(t, pool, 3)
}

// Of two imports of one name, one gives up and nothing is taken twice.
func TestResumeTwiceAtOnce(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	const lines = 2000
	done := make(chan error)
	for range 3 {
		go func() {
			_, err := importText(t, pool, counted(lines), jsonl.Config{Resume: true, Name: "x", Batch: 10})
			done <- err
		}()
	}
	finished := 0
	for range 3 {
		if err := <-done; err == nil {
			finished++
		} else {
			require.ErrorIs(t, err, jsonl.ErrImportRunning, fmt.Sprint(err))
		}
	}
	require.GreaterOrEqual(t, finished, 1)
	requireCounted(t, pool, lines)
}
