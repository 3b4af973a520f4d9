package dashboard

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What a password's hash costs: the first choice of RFC 9106, section 4, is for servers of their own; this is OWASP's, which a small machine can afford
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2        // passes
	hashThreads = 1
	hashSalt    = 16 // bytes
	hashKey     = 32 // bytes

	// LeastPassword and MostPassword are how many bytes a password may have.
	LeastPassword = 10
	MostPassword  = 256
)

// What a line of the file of users may ask for: one login is not to take the machine.
const (
	mostMemory  = 256 << 10 // KiB
	mostTime    = 16
	mostThreads = 16
	mostCost    = 14 // of bcrypt: about a second
)

// HashPassword returns the hash of a password for the file of users, by argon2id. The error says that it is too short or too long.
func HashPassword(password string) (string, error) {
	if len(password) < LeastPassword || len(password) > MostPassword {
		return "", fmt.Errorf("a password has %d to %d bytes; this one has %d", LeastPassword, MostPassword, len(password))
	}
	salt := make([]byte, hashSalt)
	_, _ = rand.Read(salt) // it never fails
	h := hash{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt}
	h.key = h.keyOf(password, hashKey)
	return h.String(), nil
}

// hash is one by argon2id.
type hash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func (h hash) keyOf(password string, length uint32) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, length)
}

// String is in the form that the reference program writes.
func (h hash) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.threads, encode(h.salt), encode(h.key))
}

// parseHash reads what String writes, within bounds.
func parseHash(text string) (hash, error) {
	parts := strings.Split(text, "$")
	const wanted = 6
	if len(parts) != wanted || parts[1] != "argon2id" {
		return hash{}, errors.New("the hash is neither argon2id's nor bcrypt's")
	}
	var h hash
	version := 0
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return hash{}, fmt.Errorf("the hash's version is %q, must be v=%d", parts[2], argon2.Version)
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return hash{}, fmt.Errorf("the hash's parameters are %q, must be as m=19456,t=2,p=1", parts[3])
	}
	var unreadable error
	decode := func(part string) []byte {
		read, err := base64.RawStdEncoding.DecodeString(part)
		unreadable = errors.Join(unreadable, err)
		return read
	}
	h.salt, h.key = decode(parts[4]), decode(parts[5])
	switch {
	case unreadable != nil:
		return hash{}, errors.New("the hash's salt or key is not base64")
	case h.memory < 8*uint32(h.threads) || h.memory > mostMemory || h.time < 1 || h.time > mostTime || h.threads < 1 || h.threads > mostThreads:
		return hash{}, fmt.Errorf("the hash's parameters are %q, beyond what is reasonable", parts[3])
	case len(h.salt) < 8 || len(h.key) < 16 || len(h.key) > 64:
		return hash{}, errors.New("the hash's salt or key is too short, or too long")
	}
	return h, nil
}

// checkHash says what is wrong with a hash.
func checkHash(text string) error {
	if !isBcrypt(text) {
		_, err := parseHash(text)
		return err
	}
	cost, err := bcrypt.Cost([]byte(text))
	if err != nil {
		return fmt.Errorf("the hash is not bcrypt's: %w", err)
	}
	if cost > mostCost {
		return fmt.Errorf("the hash's cost is %d, beyond what is reasonable: give %d or less", cost, mostCost)
	}
	return nil
}

func isBcrypt(text string) bool { return strings.HasPrefix(text, "$2") }

// matches tells whether a password has a hash.
func matches(text, password string) bool {
	if len(password) > MostPassword {
		return false
	}
	if isBcrypt(text) {
		return bcrypt.CompareHashAndPassword([]byte(text), []byte(password)) == nil
	}
	h, err := parseHash(text)
	if err != nil {
		return false
	}
	return subtle.ConstantTimeCompare(h.key, h.keyOf(password, uint32(len(h.key)))) == 1 //nolint:gosec // parseHash bounds it
}
