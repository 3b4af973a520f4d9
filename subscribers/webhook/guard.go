package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrRefused says that nothing is sent to an address, since it is not one in the public internet and the endpoint may not be elsewhere, or since no endpoint may
// be there at all.
var ErrRefused = errors.New("the address is refused")

// guard decides which addresses may be connected to. It looks at the address that a connection is about to be made to, behind all that can be
// written in a URL or answered by a name server, each time anew.
type guard struct {
	addresses *ssrf.Guardian
	private   bool
}

// newGuard lets pass what is in the public internet and, if private, what is in private networks and on this machine too. Any port will do.
// Addresses that stand for others, such as those of NAT64 and 6to4, are refused.
func newGuard(private bool) guard {
	options := []ssrf.Option{ssrf.WithAnyPort()}
	if private {
		options = append(options,
			ssrf.WithAllowedV4Prefixes(
				netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"),
				netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("100.64.0.0/10")),
			ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7")))
	}
	return guard{addresses: ssrf.New(options...), private: private}
}

// control is for [net.Dialer.Control], which is called with each address before the first byte goes there.
func (g guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q is none of IP", ErrRefused, address)
	}
	return g.check(to.Addr())
}

// check returns an error that wraps [ErrRefused] for an address that may not be connected to.
func (g guard) check(address netip.Addr) error {
	plain := address.Unmap().WithZone("") // what the kernel makes of it
	switch {
	case slices.Contains(metadataServices(), plain):
		return fmt.Errorf("%w: %s is where a cloud tells its machines their credentials; no endpoint may be there", ErrRefused, address)
	case g.addresses.SafeAddr(plain) == nil:
		return nil
	case g.private:
		return fmt.Errorf("%w: %s is neither in the internet nor in a private network", ErrRefused, address)
	}
	return fmt.Errorf("%w: %s is not in the public internet; an endpoint in a private network has to be allowed as such", ErrRefused, address)
}

// metadataServices are the addresses that hand out credentials to whoever asks from within a machine. Some of them stand in networks that are
// private otherwise, one in a public one.
func metadataServices() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("169.254.169.254"), // nearly all
		netip.MustParseAddr("169.254.170.2"),   // containers at Amazon
		netip.MustParseAddr("169.254.170.23"),
		netip.MustParseAddr("fd00:ec2::254"),   // Amazon
		netip.MustParseAddr("fd00:ec2::23"),    // containers
		netip.MustParseAddr("fd20:ce::254"),    // Google
		netip.MustParseAddr("100.100.100.200"), // Alibaba
		netip.MustParseAddr("192.0.0.192"),     // Oracle
		netip.MustParseAddr("168.63.129.16"),   // Azure
	}
}
