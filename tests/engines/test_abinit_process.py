from rhocast.engines.abinit.process import scf_residuals


def test_residuals_of_each_cycle(tmp_path):
    path = tmp_path / "run.abo"
    path.write_text(
        " ETOT  1  -9.3268903270623    -9.327E+00 7.914E-06 4.519E+00\n"
        " ETOT  2  -9.1358635037470     1.910E-01 4.721E-05 8.095E-02\n"
        " ETOT  1  -9.3268903270623    -9.327E+00 7.914E-06 3.000E-05\n"
    )
    assert scf_residuals(path) == [[4.519, 0.08095], [3e-5]]
    assert scf_residuals(tmp_path / "absent") == []
