package mail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	gomail "github.com/wneessen/go-mail"

	"github.com/contrail-events/contrail/subscribers/deliveries"
)

// Folder writes mails into a folder, each as a file KEY.eml that its user alone can read. A mail that is sent again is the same file, so it is there once,
// and it is there whole or not at all.
type Folder struct{ path string }

// NewFolder makes the folder if it is missing. Its error says that it can't be made.
func NewFolder(path string) (*Folder, error) {
	if path == "" {
		return nil, errors.New("a folder for mails: its path is empty")
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("a folder for mails: %w", err)
	}
	return &Folder{path}, nil
}

// Send writes m. An address that is none is permanent, and whatever the disk says temporary.
func (f *Folder) Send(_ context.Context, m Message) (deliveries.Receipt, error) {
	message, err := m.compose()
	if err != nil {
		return deliveries.Receipt{}, err
	}
	name := filepath.Base(m.Key) + ".eml"
	if err := f.write(name, message); err != nil {
		return deliveries.Receipt{}, deliveries.Temporary(fmt.Errorf("write mail %s: %w", m.Key, err))
	}
	return deliveries.Receipt{ID: m.ID(), Response: "written to " + name}, nil
}

// write writes a file beside its place, and then moves it there. What is moved is on the disk by then; that the move is, too, is not waited for: the mail would be written again.
func (f *Folder) write(name string, message *gomail.Msg) (err error) {
	file, err := os.CreateTemp(f.path, ".*.tmp")
	if err != nil {
		return err //nolint:wrapcheck // Send does
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // what made the write go wrong says more
		}
	}()
	_, err = message.WriteTo(file)
	if err == nil {
		err = file.Sync()
	}
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(f.path, name))
	}
	return err //nolint:wrapcheck // likewise
}
