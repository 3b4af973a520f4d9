package main

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"
)

// fakePostgres speaks as much of the protocol as it takes to say which version it is, and whether it is a standby. Real servers of such kinds are
// hard to come by in a test of a command line.
func fakePostgres(tb testing.TB, number int32, name string, standby bool) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = listener.Close() })
	row := [][]byte{binary.BigEndian.AppendUint32(nil, uint32(number)), []byte(name), {0}}
	if standby {
		row[2] = []byte{1}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveFake(conn, row)
		}
	}()
	return "postgres://app:hunter2@" + listener.Addr().String() + "/app?sslmode=disable"
}

func serveFake(conn net.Conn, row [][]byte) {
	defer func() { _ = conn.Close() }()
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for backend.Flush() == nil {
		message, err := backend.Receive()
		if err != nil {
			return
		}
		for _, reply := range fakeReply(message, row) {
			backend.Send(reply)
		}
	}
}

func fakeReply(message pgproto3.FrontendMessage, row [][]byte) []pgproto3.BackendMessage {
	switch message.(type) {
	case *pgproto3.Query: // a ping
		return []pgproto3.BackendMessage{&pgproto3.EmptyQueryResponse{}, &pgproto3.ReadyForQuery{TxStatus: 'I'}}
	case *pgproto3.Parse:
		return []pgproto3.BackendMessage{&pgproto3.ParseComplete{}}
	case *pgproto3.Describe:
		field := func(oid uint32) pgproto3.FieldDescription {
			return pgproto3.FieldDescription{Name: []byte("x"), DataTypeOID: oid, DataTypeSize: -1, TypeModifier: -1}
		}
		return []pgproto3.BackendMessage{
			&pgproto3.ParameterDescription{},
			&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{field(pgtype.Int4OID), field(pgtype.TextOID), field(pgtype.BoolOID)}},
		}
	case *pgproto3.Bind:
		return []pgproto3.BackendMessage{&pgproto3.BindComplete{}}
	case *pgproto3.Execute:
		return []pgproto3.BackendMessage{&pgproto3.DataRow{Values: row}, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}}
	case *pgproto3.Sync:
		return []pgproto3.BackendMessage{&pgproto3.ReadyForQuery{TxStatus: 'I'}}
	}
	return nil
}
