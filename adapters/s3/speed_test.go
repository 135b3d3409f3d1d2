package s3_test
import ("testing";"io";"time";"imgd/e2e/rig")
func TestSpeed(t *testing.T){
 blobs:=open(t,rig.S3(t))
 for _,n:=range []int64{16<<20-1,32<<20,64<<10}{
 b:=time.Now(); if _,err:=blobs.Create(t.Context(),"o/"+string(rune('a'+n%26)),"x",pattern(n));err!=nil{t.Fatal(err)}
 t.Log(n,"create",time.Since(b)); b=time.Now()
 o,_:=blobs.Open(t.Context(),"o/"+string(rune('a'+n%26))); io.Copy(io.Discard,o); o.Close(); t.Log("copy",time.Since(b)); b=time.Now()
 o,_=blobs.Open(t.Context(),"o/"+string(rune('a'+n%26))); io.ReadAll(o); o.Close(); t.Log("readall",time.Since(b))
 }
}
