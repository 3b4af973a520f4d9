package dashboard

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// users are those of a file, which is read again when it changes.
type users struct {
	path   string // "": there is none
	logger *slog.Logger
	seed   maphash.Seed

	mu      sync.Mutex
	size    int64
	changed time.Time
	list    []user
}

// user is a line of the file.
type user struct {
	name string
	role Role
	hash string
}

// longestFile bounds it, in bytes.
const longestFile = 1 << 20

// openUsers reads the file for the first time: a fault in it is an error, where later on it is a warning.
func openUsers(path string, logger *slog.Logger) (*users, error) {
	u := &users{path: path, logger: logger, seed: maphash.MakeSeed()}
	if path == "" {
		return u, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w; contrail dashboard password makes its lines", err)
	}
	return u, u.read(info)
}

// read takes the file, or leaves things as they are.
func (u *users) read(info fs.FileInfo) error {
	u.size, u.changed = info.Size(), info.ModTime()
	if info.Size() > longestFile {
		return fmt.Errorf("%s has %d bytes, must have %d or less", u.path, info.Size(), longestFile)
	}
	text, err := os.ReadFile(u.path)
	if err != nil {
		return err //nolint:wrapcheck // it names the file
	}
	list, err := parseUsers(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", u.path, err)
	}
	u.list = list
	return nil
}

// parseUsers reads lines name:role:hash. Empty ones and those that begin with # are left out.
func parseUsers(text string) ([]user, error) {
	var list []user
	var faults []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		one, err := parseUser(line)
		if err == nil && slices.ContainsFunc(list, func(other user) bool { return other.name == one.name }) {
			err = fmt.Errorf("%s is there twice", one.name)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		faults = append(faults, errors.New("there is nobody in it: add a line that contrail dashboard password has made"))
	}
	return list, errors.Join(faults...)
}

func parseUser(line string) (user, error) {
	const parts = 3
	split := strings.SplitN(line, ":", parts)
	if len(split) != parts {
		return user{}, errors.New("it is not name:role:hash")
	}
	one := user{strings.TrimSpace(split[0]), Role(strings.TrimSpace(split[1])), strings.TrimSpace(split[2])}
	if err := CheckUser(one.name, one.role); err != nil {
		return user{}, err
	}
	return one, checkHash(one.hash)
}

// CheckUser says what is wrong with a name or a role for the file of users.
func CheckUser(name string, role Role) error {
	const longest = 64
	switch {
	case name == "" || len(name) > longest || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == ':' || r == '#' || hidden(r) }):
		return fmt.Errorf("the name %q must have 1 to %d bytes, without spaces, ':' and '#'", name, longest)
	case name == local().Name || name == tokenName || name == viewerTokenName:
		return fmt.Errorf("the name %q is taken: it stands for who has logged in without one", name)
	case role != Viewer && role != Operator:
		return fmt.Errorf("the role is %q, must be %s or %s", role, Viewer, Operator)
	}
	return nil
}

// current is the list as the file has it now. A file that has become faulty changes nothing but the log, once.
func (u *users) current(ctx context.Context) []user {
	if u.path == "" {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	info, err := os.Stat(u.path)
	switch {
	case err != nil:
		if !u.changed.IsZero() {
			u.changed = time.Time{}
			u.logger.WarnContext(ctx, "the file of users can't be read; those who were in it may still log in", slog.Any("error", err))
		}
	case info.Size() != u.size || !info.ModTime().Equal(u.changed):
		if err := u.read(info); err != nil {
			u.logger.WarnContext(ctx, "the file of users is faulty; who was in it before may still log in", slog.Any("error", err))
		}
	}
	return u.list
}

// find returns a user as they are now.
func (u *users) find(ctx context.Context, name string) (user, bool) {
	for _, one := range u.current(ctx) {
		if one.name == name {
			return one, true
		}
	}
	return user{}, false
}

// check tells whether a user has a password. For a name that nobody has it takes as long as for one of the users: always the same one, so that asking again
// tells nothing either.
func (u *users) check(ctx context.Context, name, password string) (user, bool) {
	if found, is := u.find(ctx, name); is {
		return found, matches(found.hash, password)
	}
	list := u.current(ctx)
	decoy := hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, hashSalt), key: make([]byte, hashKey)}.String()
	if len(list) > 0 {
		decoy = list[maphash.String(u.seed, name)%uint64(len(list))].hash
	}
	_ = matches(decoy, password)
	return user{}, false
}
