package localstack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the unprivileged user that the PostgreSQL programs run as when we are root; they refuse to run as root. A nil account
// means ourselves.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns nil for a plain user, and for root user postgres or else nobody.
func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // a nil account has a meaning, see the type
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		if uidErr == nil && gidErr == nil {
			return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as; " +
		"create one or start this program as a plain user")
}

// own hands a folder, with all that is in it, to the account. It works through os.Root, so that no symbolic link leads root astray.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err //nolint:wrapcheck // *PathError says it all
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error { //nolint:wrapcheck // *PathError says it all
		if err != nil {
			return err
		}
		return root.Lchown(name, int(a.uid), int(a.gid))
	})
}

// reaches returns an error that names the first folder above path which the account can't pass through.
func (a *account) reaches(path string) error {
	if a == nil {
		return nil
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err //nolint:wrapcheck // *PathError says it all
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err //nolint:wrapcheck // *PathError says it all
		}
		if !a.passes(info) {
			return fmt.Errorf("root can't run PostgreSQL, and user %s, who runs it instead, can't pass through %s to reach %s; "+
				"choose a folder below /var/lib or /tmp, or start this program as a plain user", a.name, dir, path)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

func (a *account) passes(info fs.FileInfo) bool {
	const owner, group, others = 0o100, 0o010, 0o001
	stat, known := info.Sys().(*syscall.Stat_t)
	switch {
	case known && stat.Uid == a.uid:
		return info.Mode()&owner != 0
	case known && stat.Gid == a.gid:
		return info.Mode()&group != 0
	}
	return info.Mode()&others != 0
}
