package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURLBytes is the greatest length of an endpoint's URL.
const maxURLBytes = 2048

// Validate reports every fault at once of what a person says about an endpoint, each in a line that begins with the name of its field, as [Add] and [Change]
// do. It leaves zero fields be that have a default. What a URL's name stands for shows only with a request.
func (e Endpoint) Validate() error { return e.withDefaults().validate() }

// checkURL reports every fault of an endpoint's URL at once. It refuses at the door what the guard would refuse at each request, as far as
// the URL tells; what a name stands for shows only then. The error does not tell the URL, which may hold a password.
func checkURL(text string, private bool) error {
	switch {
	case text == "":
		return errors.New("is required; give one as in https://example.com/hooks")
	case len(text) > maxURLBytes:
		return fmt.Errorf("is longer than %d bytes", maxURLBytes)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("has characters in it that are not printable ASCII; write a name in its ASCII form (xn--…), the rest with percent signs")
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return errors.New("can't be read; give one as in https://example.com/hooks")
	}
	return inOneLine(append(checkParts(parsed, text), checkScheme(parsed, private), checkHost(parsed.Hostname(), private)))
}

// inOneLine joins faults of one field.
func inOneLine(faults []error) error {
	var all error
	for _, fault := range faults {
		switch {
		case fault == nil:
		case all == nil:
			all = fault
		default:
			all = fmt.Errorf("%w; it %w", all, fault)
		}
	}
	return all
}

func checkScheme(parsed *url.URL, private bool) error {
	switch parsed.Scheme {
	case "https":
		return nil
	case "http":
		if private {
			return nil
		}
		return errors.New("begins with http://, by which everybody on the way can read the events; only an endpoint in a private network may, else give https://")
	}
	return errors.New("does not begin with https://")
}

func checkParts(parsed *url.URL, text string) (faults []error) {
	if parsed.Opaque != "" {
		faults = append(faults, errors.New("has no // behind its scheme"))
	}
	if parsed.User != nil {
		faults = append(faults, errors.New("has a user or a password in it, which logs would tell; leave it out: receivers check the signature"))
	}
	if strings.Contains(text, "#") {
		faults = append(faults, errors.New("has a fragment (#…), which is never sent; leave it out"))
	}
	if port := parsed.Port(); port != "" || strings.HasSuffix(parsed.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			faults = append(faults, errors.New("has a port that is not between 1 and 65535"))
		}
	}
	return faults
}

// checkHost wants a name or an address. What looks like a number and is no address in its usual form is refused: 127.1, 0x7f000001, 2130706433
// and 0177.0.0.1 are all this machine, to some.
func checkHost(host string, private bool) error {
	if host == "" {
		return errors.New("names no host")
	}
	if address, err := netip.ParseAddr(host); err == nil {
		if address.Zone() != "" {
			return fmt.Errorf("names a network interface (%s), which only this machine knows", address.Zone())
		}
		if err := newGuard(private).check(address); err != nil {
			return fmt.Errorf("leads where it may not: %w", err)
		}
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	switch {
	case !isHostName(name):
		return errors.New("names a host that is neither a name nor an address")
	case endsInNumber(name):
		return errors.New("names a host that looks like a number; write an address as in 192.0.2.1")
	case !private && (name == "localhost" || strings.HasSuffix(name, ".localhost")):
		return fmt.Errorf("names %s, which is this machine: %w; an endpoint in a private network has to be allowed as such", name, ErrRefused)
	}
	return nil
}

// isHostName is lenient with underscores, which names within companies have.
func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return true
}

// endsInNumber follows https://url.spec.whatwg.org/#ends-in-a-number-checker: no domain of the first level is one.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if digits, found := strings.CutPrefix(last, "0x"); found {
		return !strings.ContainsFunc(digits, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
	}
	return !strings.ContainsFunc(last, func(r rune) bool { return r < '0' || r > '9' })
}
