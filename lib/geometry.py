import numpy as np
def signed_area(p):
    x,y=p[:,0],p[:,1]
    return 0.5*float(np.sum(x*np.roll(y,-1)-np.roll(x,-1)*y))
def area(p): return abs(signed_area(p))
def bounding_box(p):
    a=p.min(0);b=p.max(0);return float(a[0]),float(a[1]),float(b[0]),float(b[1])
def remove_repeated_points(p,tolerance=0.0):
    d=np.abs(p-np.roll(p,1,0)).max(1)
    return p[d>tolerance]
def simplify_closed(p,tol):
    n=len(p);keep=np.zeros(n,bool);keep[0]=True
    far=int(np.argmax(((p-p[0])**2).sum(1)));keep[far]=True
    q=np.concatenate([p,p[:1]]);st=[(0,far),(far,n)]
    while st:
        a,b=st.pop()
        if b-a<2: continue
        s=q[b]-q[a];L=np.hypot(*s);r=q[a+1:b]-q[a]
        if L==0: d=np.hypot(r[:,0],r[:,1])
        else:
            t=np.clip(r@s/L**2,0,1);e=r-t[:,None]*s;d=np.hypot(e[:,0],e[:,1])
        i=int(d.argmax())
        if d[i]>tol:
            m=a+1+i;keep[m]=True;st+= [(a,m),(m,b)]
    return keep
def clip_to_box(p,w,h):
    for ax,lim,sg in((0,0,1),(0,w,-1),(1,0,1),(1,h,-1)):
        if not len(p): return p
        v=sg*(p[:,ax]-lim);nx=np.roll(p,-1,0);vn=np.roll(v,-1);out=[]
        for i in range(len(p)):
            if v[i]>=0: out.append(p[i])
            if (v[i]>=0)!=(vn[i]>=0):
                t=v[i]/(v[i]-vn[i]);out.append(p[i]+t*(nx[i]-p[i]))
        p=np.array(out).reshape(-1,2)
    return p
def transform_points(p,m): return p@m[:,:2].T+m[:,2]
def invert_affine(m):
    a=np.linalg.inv(m[:,:2]);return np.column_stack([a,-a@m[:,2]])
