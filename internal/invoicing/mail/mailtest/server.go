package mailtest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing/mail"
)

// Encryption is how connections are encrypted.
type Encryption int

// The zero value is no encryption at all.
const (
	Plain    Encryption = iota
	STARTTLS            // when the client asks for it
	TLS                 // from the first byte
)

// Server is an SMTP server on the loopback device that takes every mail, unless a hook refuses it. Its fields are set before [Server.Start].
type Server struct {
	// OnMail, OnRcpt and OnData are called with the client's connection before a sender, a recipient and a whole mail are answered. An error is the answer:
	// an [*smtp.SMTPError] with its code, any other as 554. Nil: they are taken.
	OnMail, OnRcpt, OnData func(conn net.Conn) error

	// Password is that of the user "app", who must give it. "": everybody may send.
	Password string

	Encryption Encryption

	config mail.SMTPConfig
	mu     sync.Mutex
	taken  []Taken
	tried  int
}

// Taken is a mail that the server has answered for.
type Taken struct {
	From, To string // of the envelope
	Text     string // headers and all
}

// Start runs the server for the length of the test.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c.Conn()}, nil }))
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8, server.ErrorLog = "mail.example.org", true, true, silence{}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	address, err := net.ResolveTCPAddr("tcp", listener.Addr().String())
	require.NoError(tb, err)
	s.config = mail.SMTPConfig{Host: "127.0.0.1", Port: address.Port, TLS: s.Encryption == TLS}
	if s.Encryption != Plain {
		certified := httptest.NewTLSServer(nil) // for its certificate, which is one for 127.0.0.1
		certified.Close()
		server.TLSConfig = &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
		s.config.RootCAs = x509.NewCertPool()
		s.config.RootCAs.AddCert(certified.Certificate())
	}
	if s.Encryption == TLS {
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	tb.Cleanup(func() {
		_ = server.Close() // which is what ends it
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			tb.Error(err)
		}
	})
}

// Config is what sends to the server, without a user.
func (s *Server) Config() mail.SMTPConfig { return s.config }

// Mails are those that the server has taken so far.
func (s *Server) Mails() []Taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.taken)
}

// Tried is how often somebody gave a password.
func (s *Server) Tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

type silence struct{}

func (silence) Printf(string, ...any) {}
func (silence) Println(...any)        {}
