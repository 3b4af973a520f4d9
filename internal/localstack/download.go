package localstack

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// download fetches server programs from a Maven repository into a folder, where they stay for the next time.
type download struct {
	repository string
	cache      string // "" where the user has no cache folder
	isRoot     bool
}

func mavenDownload() download {
	const repository = "https://repo1.maven.org/maven2"
	cache, err := os.UserCacheDir()
	if err != nil {
		return download{repository: repository, isRoot: os.Geteuid() == 0}
	}
	return download{repository: repository, cache: filepath.Join(cache, "contrail"), isRoot: os.Geteuid() == 0}
}

const embeddedVersion = embedded.V17

// run returns the programs fetched earlier, or fetches them now. Ending ctx ends the wait; the transfer itself can't be broken off, and
// goes on until it is done or the program ends.
func (d download) run(ctx context.Context, as *account) (programs, error) {
	switch {
	case d.isRoot: // they would lie in root's own cache, where no other user gets, and root can't run them
		return programs{}, notInstalled("and as root none can be fetched, for PostgreSQL does not run as root", nil)
	case d.cache == "":
		return programs{}, notInstalled("and there is no cache folder to fetch some into", nil)
	}
	home := filepath.Join(d.cache, "postgres-"+string(embeddedVersion))
	result := make(chan error, 1)
	go func() { result <- d.fetch(home) }()
	select {
	case <-ctx.Done():
		return programs{}, fmt.Errorf("download PostgreSQL: %w", ended(ctx))
	case err := <-result:
		if err != nil {
			return programs{}, notInstalled("and none could be fetched", err)
		}
	}
	found := inspectAll(ctx, []string{filepath.Join(home, "bin")}, as)
	if len(found) == 0 {
		return programs{}, notInstalled("and those fetched into "+home+" do not run here", nil)
	}
	return found[0], nil
}

// fetch leaves the programs in home. The library fetches as a part of starting a server of its own and offers nothing less. So it gets
// a data folder with nothing in it but a version number, at which it gives up after the download: no initdb, no server. It makes its
// runtime folder between the two, so that folder tells how far it came.
func (d download) fetch(home string) error {
	if (programs{dir: filepath.Join(home, "bin")}).runnable() {
		return nil
	}
	if err := os.MkdirAll(d.cache, 0o755); err != nil { //nolint:gosec // programs, not secrets
		return err //nolint:wrapcheck // *PathError says it all
	}
	work, err := os.MkdirTemp(d.cache, "fetch-")
	if err != nil {
		return err //nolint:wrapcheck // *PathError says it all
	}
	defer func() { _ = os.RemoveAll(work) }()
	data, runtime, fetched := filepath.Join(work, "data"), filepath.Join(work, "runtime"), filepath.Join(work, "programs")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err //nolint:wrapcheck // *PathError says it all
	}
	major := string(embeddedVersion)[:2] + "\n"
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(major), 0o600); err != nil {
		return err //nolint:wrapcheck // *PathError says it all
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	config := embedded.DefaultConfig().Version(embeddedVersion).BinaryRepositoryURL(d.repository).Logger(io.Discard).
		CachePath(filepath.Join(work, "archive")).BinariesPath(fetched).RuntimePath(runtime).DataPath(data).
		Port(uint32(port)) //nolint:gosec // freePort chose it
	err = embedded.NewDatabase(config).Start()
	if _, missing := os.Stat(runtime); missing != nil {
		return err //nolint:wrapcheck // notInstalled tells what it was about
	}
	if err := os.Rename(fetched, home); err != nil && !(programs{dir: filepath.Join(home, "bin")}).runnable() {
		return err //nolint:wrapcheck // *LinkError says it all
	}
	return nil
}

func notInstalled(why string, err error) error {
	const advice = "install PostgreSQL (apt install postgresql, dnf install postgresql-server, brew install postgresql@17) " +
		"or set DATABASE_URL to a server that you have"
	if err == nil {
		return fmt.Errorf("%w (initdb and postgres, version %d or later) found, %s; %s", ErrNotInstalled, oldestMajor, why, advice)
	}
	return fmt.Errorf("%w (initdb and postgres, version %d or later) found, %s: %w; %s",
		ErrNotInstalled, oldestMajor, why, err, advice)
}
