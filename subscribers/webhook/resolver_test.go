package webhook_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// resolver asks a name server of the test's own, which knows these names and no others.
func resolver(tb testing.TB, names map[string][]netip.Addr) *net.Resolver {
	tb.Helper()
	server, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	require.NoError(tb, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		answerNames(server, names)
	}()
	tb.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// answerNames speaks as much of RFC 1035 as a resolver needs.
func answerNames(server net.PacketConn, names map[string][]netip.Addr) {
	const headerBytes, typeA, typeAAAA = 12, 1, 28
	query := make([]byte, 1500)
	for {
		n, from, err := server.ReadFrom(query)
		if err != nil {
			return
		}
		var name []byte
		at := headerBytes
		for ; query[at] != 0; at += int(query[at]) + 1 {
			name = append(append(name, query[at+1:at+1+int(query[at])]...), '.')
		}
		asked := binary.BigEndian.Uint16(query[at+1:])
		answer := append([]byte(nil), query[:min(n, at+5)]...)
		answers, code := uint16(0), byte(0)
		if _, known := names[string(name)]; !known {
			code = 3 // no such name
		}
		for _, address := range names[string(name)] {
			if isFour := address.Is4(); isFour && asked == typeA || !isFour && asked == typeAAAA {
				answers++
				answer = append(answer, 0xC0, headerBytes)
				answer = binary.BigEndian.AppendUint16(answer, asked)
				answer = append(answer, 0, 1, 0, 0, 0, 0, 0, byte(len(address.AsSlice())))
				answer = append(answer, address.AsSlice()...)
			}
		}
		answer[2], answer[3] = 0x81, 0x80|code
		binary.BigEndian.PutUint16(answer[4:], 1)
		binary.BigEndian.PutUint16(answer[6:], answers)
		binary.BigEndian.PutUint32(answer[8:], 0)
		_, _ = server.WriteTo(answer, from)
	}
}
