"""x"""
from harness import faults
from harness.trial import test
from test_faults import mailboxes_ready

@test(covers="A-13")
def look(t):
    f = faults.Faults(t, workers={"count": 1}, mailboxes=[f"m{i}" for i in range(5)], domains=["example.org"])
    with f.daemon.running() as daemon:
        import os
        from harness import processes
        processes.wait_until(lambda: os.path.isdir(daemon.mail().folder("m4@example.org")+"/new"), 20, "x")
        with daemon.greeted() as client:
            for n in (1, 2, 5):
              for _ in range(2):
                f.arm()
                print(n, client.deliver("a@client.example", [f"m{i}@example.org" for i in range(n)], b"x\n"))
                for c in f.disarm(): print("   ", c)
