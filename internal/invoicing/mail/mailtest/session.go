package mailtest

import (
	"errors"
	"io"
	"net"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one connection's.
type session struct {
	server *Server
	conn   net.Conn
	mail   Taken
}

func (s *session) AuthMechanisms() []string {
	if s.server.Password == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		s.server.tried++
		if user != "app" || password != s.server.Password {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mail = Taken{From: from}
	return s.answer(s.server.OnMail)
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = to
	return s.answer(s.server.OnRcpt)
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return errors.New("the mail has no end")
	}
	s.mail.Text = string(text)
	if err := s.answer(s.server.OnData); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.taken = append(s.server.taken, s.mail)
	return nil
}

func (*session) Reset()        {}
func (*session) Logout() error { return nil }

func (s *session) answer(hook func(net.Conn) error) error {
	if hook == nil {
		return nil
	}
	return hook(s.conn)
}
