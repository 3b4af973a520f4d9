package main

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// pseudoTerminal is one of so many columns and lines: what a person has before them, and what a program is given.
func pseudoTerminal(t *testing.T, columns, lines uint16) (person, program *os.File) {
	t.Helper()
	control := func(file *os.File, request uintptr, argument unsafe.Pointer) {
		_, _, failure := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(argument))
		require.Zero(t, failure)
	}
	const number, unlock = 0x80045430, 0x40045431 // TIOCGPTN, TIOCSPTLCK
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = person.Close() })
	var open, which int32
	control(person, unlock, unsafe.Pointer(&open))
	control(person, number, unsafe.Pointer(&which))
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(which)), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Close() })
	size := [4]uint16{lines, columns}
	control(program, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	return person, program
}

// screen is what a terminal was sent.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// On a terminal each picture takes the place of the one before, fits it, and the screen is what it was when somebody presses q, or ctrl-c.
func TestStatusWatchedOnATerminal(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"q": "q", "ctrl-c": "\x03"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const columns, lines = 60, 14
			person, program := pseudoTerminal(t, columns, lines)
			command := watching(t, pgtest.NewURL(t), natstest.Start(t).URL(), "--watch=100ms")
			command.Stdin, command.Stdout, command.Stderr = program, program, program
			command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			require.NoError(t, command.Start())
			require.NoError(t, program.Close())
			var shown screen
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = person.WriteTo(&shown) // until the program's side is closed, which is an error
			}()
			require.Eventually(t, func() bool { return strings.Count(shown.String(), "q ends") >= 3 }, 30*time.Second, 10*time.Millisecond)
			_, err := person.WriteString(key)
			require.NoError(t, err)
			require.NoError(t, command.Wait())
			<-read

			text, begun := strings.CutPrefix(shown.String(), enterScreen)
			require.True(t, begun)
			text, ended := strings.CutSuffix(text, leaveScreen)
			require.True(t, ended, "%q", text[max(0, len(text)-100):])
			for _, picture := range strings.Split(text, homeCursor)[1:] {
				require.Contains(t, picture, "position")
				require.Contains(t, picture, clearBelow)
				rows := strings.Split(strings.TrimSuffix(picture, clearBelow), "\r\n")
				require.LessOrEqual(t, len(rows), lines)
				for _, row := range rows {
					for _, code := range []string{clearLine, red, yellow, bold, plain} {
						row = strings.ReplaceAll(row, code, "")
					}
					require.LessOrEqual(t, columnsOf(row), columns, "%q", row)
					require.NotContains(t, row, "\x1b")
				}
			}
		})
	}
}
