package localstack

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const oldestMajor = 14 // PostgreSQL 14 or later

// programs are the server programs of one PostgreSQL installation.
type programs struct {
	dir   string
	major int
}

func (p programs) initdb() string   { return filepath.Join(p.dir, "initdb") }
func (p programs) postgres() string { return filepath.Join(p.dir, "postgres") }

// installation tells where the programs come from. Tests put in another one.
type installation struct {
	path     string   // folders to look into first, as in $PATH
	places   []string // patterns of folders to look into next, the newest major version first
	download download // what to do when there is none
}

func systemInstallation() installation {
	return installation{
		path: os.Getenv("PATH"),
		places: []string{
			"/usr/lib/postgresql/*/bin",                           // Debian, Ubuntu
			"/usr/pgsql-*/bin",                                    // Red Hat with PostgreSQL's own packages
			"/usr/libexec/postgresql*",                            // Alpine
			"/usr/local/pgsql/bin",                                // from source
			"/opt/homebrew/opt/postgresql@*/bin",                  // Homebrew
			"/usr/local/opt/postgresql@*/bin",                     // Homebrew on Intel
			"/Applications/Postgres.app/Contents/Versions/*/bin/", // Postgres.app
		},
		download: mavenDownload(),
	}
}

// find returns the programs to use: those of the given major version or, for 0, of any from oldestMajor on.
func (in installation) find(ctx context.Context, major int, as *account) (programs, error) {
	found := in.installed(ctx, as)
	if err := ended(ctx); err != nil { // then what was found may be too little
		return programs{}, fmt.Errorf("look for PostgreSQL: %w", err)
	}
	if len(found) == 0 {
		downloaded, err := in.download.run(ctx, as)
		if err != nil {
			return programs{}, err
		}
		found = []programs{downloaded}
	}
	for _, p := range found {
		if major == 0 || p.major == major {
			return p, nil
		}
	}
	return programs{}, fmt.Errorf("%w: it was made by %d, and %s is %d; install PostgreSQL %d or name another folder",
		ErrOtherVersion, major, found[0].dir, found[0].major, major)
}

// installed lists what is in $PATH and then what is in the usual places, the newest first.
func (in installation) installed(ctx context.Context, as *account) []programs {
	first := inspectAll(ctx, filepath.SplitList(in.path), as)
	var dirs []string
	for _, place := range in.places {
		matches, _ := filepath.Glob(place) // the patterns are well formed
		dirs = append(dirs, matches...)
	}
	then := inspectAll(ctx, dirs, as)
	slices.SortStableFunc(then, func(a, b programs) int { return cmp.Compare(b.major, a.major) })
	return append(first, then...)
}

func inspectAll(ctx context.Context, dirs []string, as *account) []programs {
	var all []programs
	for _, dir := range dirs {
		if p := (programs{dir: dir}); p.runnable() {
			if p.major = p.askMajor(ctx, as); p.major >= oldestMajor {
				all = append(all, p)
			}
		}
	}
	return all
}

func (p programs) runnable() bool {
	return filepath.IsAbs(p.dir) && !slices.ContainsFunc([]string{p.initdb(), p.postgres()}, func(name string) bool {
		_, err := exec.LookPath(name)
		return err != nil
	})
}

// askMajor returns 0 for a program that doesn't run, as the account, or isn't PostgreSQL.
func (p programs) askMajor(ctx context.Context, as *account) int {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var output strings.Builder
	cmd := exec.CommandContext(ctx, p.postgres(), "--version") //nolint:gosec // a program named postgres in a usual place
	cmd.Dir, cmd.Env, cmd.Stdout = "/", environment(), &output
	child, err := startProcess(cmd, as)
	if err != nil {
		return 0
	}
	<-child.done
	matches := regexp.MustCompile(`^postgres \(PostgreSQL\) (\d+)`).FindStringSubmatch(output.String())
	if child.err != nil || matches == nil {
		return 0
	}
	major, _ := strconv.Atoi(matches[1]) // the pattern lets digits through only; too many of them are no version
	return major
}

// environment is ours without what would change how the PostgreSQL programs behave: the locale, and libpq's and the server's own
// variables. A time zone that is named saves initdb the search for this machine's.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG")
	})
	return append(env, "LC_ALL=C", "TZ=UTC")
}
