package mail_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	netmail "net/mail"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing/mail"
)

// A mail is one file, however often it is sent, and for its user's eyes only.
func TestFolderHasAMailOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out", "mails")
	folder, err := mail.NewFolder(path)
	require.NoError(t, err)
	m := message()
	for range 2 {
		receipt, err := folder.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, "0192-1@example.org", receipt.ID)
		require.Equal(t, "written to 0192-1.eml", receipt.Response)
	}
	m.Key = "../0192-2"
	_, err = folder.Send(t.Context(), m)
	require.NoError(t, err)
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, "0192-1.eml", entries[0].Name())
	require.Equal(t, "0192-2.eml", entries[1].Name())
	info, err := entries[0].Info()
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	text, err := os.ReadFile(filepath.Join(path, "0192-1.eml"))
	require.NoError(t, err)
	read, err := netmail.ReadMessage(bytes.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, `"Ada Byron" <ada@example.com>`, read.Header.Get("To"))
	require.Equal(t, m.Subject, decoded(t, read.Header.Get("Subject")))
	require.Equal(t, m.Text, body(t, read))
}

// What the disk says may be over later; an address that is none stays none.
func TestFolderThatIsGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mails")
	folder, err := mail.NewFolder(path)
	require.NoError(t, err)
	require.NoError(t, os.Remove(path))
	_, err = folder.Send(t.Context(), message())
	require.Equal(t, "temporary", classOf(t, err))
	m := message()
	m.To.Address = "ada"
	_, err = folder.Send(t.Context(), m)
	require.Equal(t, "permanent", classOf(t, err))

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = mail.NewFolder(path)
	require.ErrorContains(t, err, "a folder for mails: ")
	_, err = mail.NewFolder("")
	require.ErrorContains(t, err, "its path is empty")
}

func TestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := mail.NewLog(slog.New(slog.NewTextHandler(&out, nil)))
	receipt, err := log.Send(t.Context(), message())
	require.NoError(t, err)
	require.Equal(t, "0192-1@example.org", receipt.ID)
	require.Contains(t, out.String(), `msg=mail to="\"Ada Byron\" <ada@example.com>" subject="Invoice a-1 from Tea & Söhne" message_id=0192-1@example.org`)
	require.NotContains(t, out.String(), "Dear Ada", "the text is for those who ask for it")
	m := message()
	m.To.Address = ""
	_, err = mail.NewLog(nil).Send(t.Context(), m)
	require.Equal(t, "permanent", classOf(t, err))
}
