package localstack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// folder holds all that one server writes. Its lock file marks it as ours, and is locked for as long as the server may run.
type folder struct {
	path string
	kept bool // the caller named it; otherwise it is temporary
	lock *os.File
}

// openFolder opens, or makes, the folder of a server ("postgres" or "nats") and locks it; for dir "" a temporary one.
func openFolder(dir, server string, as *account) (*folder, error) {
	f := &folder{path: dir, kept: dir != ""}
	var err error
	if f.kept {
		f.path, err = keptFolder(dir, lockName(server), as)
	} else {
		f.path, err = temporaryFolder(server, as)
	}
	if err == nil {
		f.lock, err = lockFile(f.join(lockName(server)))
	}
	if err == nil {
		err = as.own(f.path) // a cluster that another user made becomes the account's too
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *folder) join(name string) string { return filepath.Join(f.path, name) }

// close releases the folder and, when it is temporary, removes it.
func (f *folder) close() error {
	var err error
	if !f.kept && f.path != "" {
		err = os.RemoveAll(f.path)
	}
	if f.lock != nil {
		// Closing alone is not enough: a child that is just being forked holds the lock too, until it is exec'd.
		err = errors.Join(err, syscall.Flock(int(f.lock.Fd()), syscall.LOCK_UN), f.lock.Close())
		f.lock = nil
	}
	return err
}

func lockName(server string) string { return "contrail-" + server + ".lock" }

// keptFolder returns the absolute path of a folder that is ours or was empty, and that the account can reach.
func keptFolder(dir, marker string, as *account) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("folder %s: %w", dir, err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // an account other than ours may have to pass through; see own
		return "", fmt.Errorf("make folder: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("look into folder: %w", err)
	}
	empty := !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != "lost+found" && e.Name() != ".DS_Store" })
	if _, err := os.Lstat(filepath.Join(path, marker)); err != nil && !empty {
		return "", fmt.Errorf("%w: %s is not empty and has no %s; name an empty or a new folder", ErrNotOurs, path, marker)
	}
	return path, as.reaches(path)
}

// temporaryFolder makes one below the system's temporary folder or, where the account can't get there, below a usual one.
func temporaryFolder(server string, as *account) (string, error) {
	var first error
	for _, base := range []string{os.TempDir(), "/tmp", "/var/tmp"} {
		path, err := os.MkdirTemp(base, "contrail-"+server+"-")
		if err == nil {
			if err = as.reaches(path); err == nil {
				return path, nil
			}
			err = errors.Join(err, os.Remove(path))
		}
		if first == nil {
			first = err
		}
	}
	return "", fmt.Errorf("make a temporary folder: %w", first)
}

// lockFile locks a file, which it makes if need be, until it is closed or this process ends.
func lockFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // a path that the caller chose
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := os.ReadFile(path) //nolint:gosec // a path that the caller chose
		of := ""
		if pid := strings.TrimSpace(string(holder)); pid != "" { // it is empty while the holder is about to write it
			of = ", of process " + pid
		}
		err = fmt.Errorf("%w: %s%s; stop that one or name another folder", ErrInUse, filepath.Dir(path), of)
	}
	if err == nil {
		err = errors.Join(file.Truncate(0), writeTo(file, strconv.Itoa(os.Getpid())+"\n"))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func writeTo(file *os.File, text string) error {
	_, err := file.WriteString(text)
	return err //nolint:wrapcheck // *PathError says it all
}
