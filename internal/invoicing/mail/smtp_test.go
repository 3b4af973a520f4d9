package mail_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing/mail"
	"github.com/contrail-events/contrail/internal/invoicing/mail/mailtest"
)

// start starts a server, and returns what sends to it.
func start(t *testing.T, s *mailtest.Server) *mail.SMTP {
	t.Helper()
	s.Start(t)
	return sender(t, s.Config())
}

func sender(t *testing.T, config mail.SMTPConfig) *mail.SMTP {
	t.Helper()
	sending, err := mail.NewSMTP(config)
	require.NoError(t, err)
	return sending
}

func message() mail.Message {
	return mail.Message{
		Key: "0192-1", Date: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), From: netmail.Address{Name: "Billing", Address: "billing@example.org"},
		To: netmail.Address{Name: "Ada Byron", Address: "ada@example.com"}, Subject: "Invoice a-1 from Tea & Söhne", Text: "Dear Ada,\n\n.\n 2 × EUR 2.50\n",
	}
}

// refuse answers with a code of its own.
func refuse(code int, class, subject, detail int, text string) func(net.Conn) error {
	return func(net.Conn) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
	}
}

func breakOff(conn net.Conn) error {
	_ = conn.Close()
	return errors.New("nobody hears this")
}

// What a server answers is one of the ledger's classes.
func TestAnswersAreClassified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server *mailtest.Server
		class  string
		text   string
	}{
		"taken":                              {&mailtest.Server{}, "", ""},
		"greylisted":                         {&mailtest.Server{OnRcpt: refuse(450, 4, 7, 1, "come back later")}, "temporary", "come back later"},
		"sender busy":                        {&mailtest.Server{OnMail: refuse(451, 4, 3, 0, "busy")}, "temporary", "451"},
		"no such mailbox":                    {&mailtest.Server{OnRcpt: refuse(550, 5, 1, 1, "no such user")}, "bounced", "no such user"},
		"no such domain":                     {&mailtest.Server{OnRcpt: refuse(553, 5, 1, 2, "no such domain")}, "bounced", "no such domain"},
		"no mailbox, told behind the mail":   {&mailtest.Server{OnData: refuse(550, 5, 1, 1, "no such user")}, "bounced", "no such user"},
		"relaying denied":                    {&mailtest.Server{OnRcpt: refuse(550, 5, 7, 1, "relaying denied")}, "permanent", "relaying denied"},
		"mailbox full for good":              {&mailtest.Server{OnRcpt: refuse(552, 5, 2, 2, "full")}, "permanent", "552"},
		"sender refused":                     {&mailtest.Server{OnMail: refuse(550, 5, 7, 1, "who are you")}, "permanent", "who are you"},
		"taken for spam":                     {&mailtest.Server{OnData: refuse(554, 5, 7, 1, "spam")}, "permanent", "spam"},
		"disk full":                          {&mailtest.Server{OnData: refuse(452, 4, 3, 1, "disk full")}, "temporary", "disk full"},
		"lost at the sender":                 {&mailtest.Server{OnMail: breakOff}, "temporary", "EOF"},
		"lost at the recipient":              {&mailtest.Server{OnRcpt: breakOff}, "temporary", "EOF"},
		"lost before the answer to the mail": {&mailtest.Server{OnData: breakOff}, "ambiguous", "closing SMTP DATA writer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sending := start(t, c.server)
			receipt, err := sending.Send(t.Context(), message())
			require.Equal(t, c.class, classOf(t, err), "%v", err)
			if c.class == "" {
				require.Equal(t, "0192-1@example.org", receipt.ID)
				require.Contains(t, receipt.Response, "queued")
				require.Len(t, c.server.Mails(), 1)
				return
			}
			require.ErrorContains(t, err, c.text)
			require.Empty(t, c.server.Mails())
		})
	}
}

// Nobody listens, or not for this program: nothing was sent, and it may be otherwise later.
func TestServerThatLetsNobodyIn(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := listener.Addr().(*net.TCPAddr).Port //nolint:errcheck,forcetypeassert // it listens on TCP
	require.NoError(t, listener.Close())
	away, err := mail.NewSMTP(mail.SMTPConfig{Host: "127.0.0.1", Port: port})
	require.NoError(t, err)
	_, err = away.Send(t.Context(), message())
	require.Equal(t, "temporary", classOf(t, err))
	require.ErrorContains(t, err, "connect to the mail server 127.0.0.1: ")

	s := &mailtest.Server{Password: "hunter2"}
	s.Start(t)
	config := s.Config()
	config.User, config.Password = "app", "hunter3"
	_, err = sender(t, config).Send(t.Context(), message())
	require.Equal(t, "temporary", classOf(t, err))
	require.ErrorContains(t, err, "535")
	require.NotContains(t, err.Error(), "hunter")
	config.Password = "hunter2"
	_, err = sender(t, config).Send(t.Context(), message())
	require.NoError(t, err)
	require.Equal(t, 2, s.Tried())
}

// When the caller's time is over the connection is cut: before the mail was sent nothing has happened, behind it nobody knows.
func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hang  func(*mailtest.Server, func(net.Conn) error)
		class string
	}{
		"before the mail": {func(s *mailtest.Server, hook func(net.Conn) error) { s.OnRcpt = hook }, "temporary"},
		"behind the mail": {func(s *mailtest.Server, hook func(net.Conn) error) { s.OnData = hook }, "ambiguous"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s := &mailtest.Server{}
			c.hang(s, func(conn net.Conn) error {
				cancel()
				_, err := io.Copy(io.Discard, conn) // until the other side has gone
				return err
			})
			s.Start(t)
			config := s.Config()
			config.Timeout = time.Hour
			_, err := sender(t, config).Send(ctx, message())
			require.Equal(t, c.class, classOf(t, err), "%v", err)
		})
	}
}

// A server whose answer has no end is not listened to for ever: what it says is kept whole in memory.
func TestAnswerWithoutAnEnd(t *testing.T) {
	t.Parallel()
	const tooMuch = 64 << 20 // more than both sides' kernels hold
	for name, c := range map[string]struct {
		hook  func(*mailtest.Server, func(net.Conn) error)
		class string
	}{
		"before the mail": {func(s *mailtest.Server, hook func(net.Conn) error) { s.OnRcpt = hook }, "temporary"},
		"behind the mail": {func(s *mailtest.Server, hook func(net.Conn) error) { s.OnData = hook }, "ambiguous"},
	} {
		for _, encryption := range []mailtest.Encryption{mailtest.Plain, mailtest.STARTTLS, mailtest.TLS} {
			t.Run(fmt.Sprintf("%s, encryption %d", name, encryption), func(t *testing.T) {
				t.Parallel()
				s := &mailtest.Server{Encryption: encryption}
				written := make(chan int64, 1)
				c.hook(s, func(conn net.Conn) error {
					n, err := io.Copy(conn, io.LimitReader(endless{}, tooMuch))
					written <- n
					return err
				})
				_, err := start(t, s).Send(t.Context(), message())
				require.Equal(t, c.class, classOf(t, err), "%.100v", err)
				require.Less(t, <-written, int64(tooMuch))
			})
		}
	}
}

// endless is an answer.
type endless struct{}

func (endless) Read(into []byte) (int, error) {
	return copy(into, bytes.Repeat([]byte("x"), len(into))), nil
}

// A mail whose content breaks off must not be ended by what follows it: a server would take the half that it has.
func TestHalfAMailIsNone(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	address, err := net.ResolveTCPAddr("tcp", listener.Addr().String())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	sent, got := make(chan struct{}), make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			got <- err.Error()
			return
		}
		defer func() { _ = conn.Close() }()
		lines := bufio.NewReader(conn)
		_, _ = io.WriteString(conn, "220 mail.example.org\r\n")
		for _, answer := range []string{"250 hello", "250 from", "250 to", "354 go on"} {
			_, _ = lines.ReadString('\n')
			_, _ = io.WriteString(conn, answer+"\r\n")
		}
		begun, _ := lines.ReadString('\n')
		cancel()
		<-sent // what nobody reads fills the buffers between the two
		rest, _ := io.ReadAll(lines)
		got <- begun + string(rest)
	}()
	long := message()
	long.Text = strings.Repeat(strings.Repeat("x", 70)+"\n", 1<<18)
	_, err = sender(t, mail.SMTPConfig{Host: "127.0.0.1", Port: address.Port}).Send(ctx, long)
	close(sent)
	require.Equal(t, "temporary", classOf(t, err), "%v", err)
	text := <-got
	require.Contains(t, text, "Date: ")
	require.NotContains(t, text, "\r\n.\r\n")
	require.NotContains(t, text, "QUIT")
}

// The connection is encrypted where the server can; a password is sent to no other, but on this machine.
func TestEncryption(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*mailtest.Server{
		"STARTTLS": {Encryption: mailtest.STARTTLS, Password: "hunter2"}, "from the first byte": {Encryption: mailtest.TLS, Password: "hunter2"}, "none, on this machine": {Password: "hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.Start(t)
			config := s.Config()
			config.User, config.Password = "app", "hunter2"
			_, err := sender(t, config).Send(t.Context(), message())
			require.NoError(t, err)
			require.Len(t, s.Mails(), 1)
			require.Equal(t, 1, s.Tried())
			if s.Encryption != mailtest.Plain {
				config.RootCAs = nil
				_, err = sender(t, config).Send(t.Context(), message())
				require.ErrorContains(t, err, "certificate")
				require.Equal(t, "temporary", classOf(t, err))
			}
		})
	}
	t.Run("none, elsewhere", func(t *testing.T) {
		t.Parallel()
		s := &mailtest.Server{Password: "hunter2"}
		s.Start(t)
		config := s.Config()
		config.Host, config.User, config.Password = "LOCALHOST", "app", "hunter2" // for all it knows that is anywhere
		_, err := sender(t, config).Send(t.Context(), message())
		require.ErrorContains(t, err, "STARTTLS")
		require.Zero(t, s.Tried())
	})
}

// What the other side reads.
func TestMailReads(t *testing.T) {
	t.Parallel()
	s := &mailtest.Server{}
	sending := start(t, s)
	m := message()
	m.To = netmail.Address{Name: `Zoë "Z" O'Neil, Ltd.`, Address: "zoë@exämple.org"}
	m.Subject += "\r\nBcc: eve@example.org"
	_, err := sending.Send(t.Context(), m)
	require.NoError(t, err)
	got := s.Mails()[0]
	require.Equal(t, "billing@example.org", got.From)
	require.Equal(t, "zoë@exämple.org", got.To)
	read, err := netmail.ReadMessage(strings.NewReader(got.Text))
	require.NoError(t, err)
	require.Equal(t, "<0192-1@example.org>", read.Header.Get("Message-ID"))
	require.Equal(t, "Sat, 31 Jan 2026 12:00:00 +0000", read.Header.Get("Date"))
	require.Equal(t, "auto-generated", read.Header.Get("Auto-Submitted"))
	require.Empty(t, read.Header.Get("Bcc"))
	to, err := read.Header.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*netmail.Address{&m.To}, to)
	require.Equal(t, m.Subject, decoded(t, read.Header.Get("Subject")))
	require.Equal(t, m.Text, body(t, read))
}

// An address that is none is nobody's fault but ours.
func TestNoAddress(t *testing.T) {
	t.Parallel()
	s := &mailtest.Server{}
	sending := start(t, s)
	for _, address := range []string{"", "ada", "ada@", "ada@example.org>\r\nRCPT TO:<eve@example.org"} {
		m := message()
		m.To.Address = address
		_, err := sending.Send(t.Context(), m)
		require.Equal(t, "permanent", classOf(t, err), "%q: %v", address, err)
	}
	m := message()
	m.From.Address = "nobody"
	_, err := sending.Send(t.Context(), m)
	require.Equal(t, "permanent", classOf(t, err), err)
	require.Empty(t, s.Mails())
}
